"""The verifier that an auditor takes along: it knows nothing of dispatch, and believes only what it can check."""

import json
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_tree
from dispatch.adapters.seal.exporting import entry_line
from dispatch.adapters.seal.leaves import entry_of, leaf_data, read_rows
from dispatch.application.ports.evidence import EvidenceMissing
from dispatch.verifier import dispatch_verify as verifier

SOURCE = Path(verifier.__file__)
ENTRIES = [b"entry %d" % number for number in range(40)]


@pytest.fixture
def check(tmp_path: Path, seal_key) -> Callable[..., tuple[int, str]]:
    """Runs a copy of the file in a process of its own, where dispatch cannot be imported."""
    copy = Path(shutil.copy(SOURCE, tmp_path / "dispatch_verify.py"))
    bare = (
        "import runpy, sys; sys.path = [p for p in sys.path if p != ''];"
        "sys.modules['dispatch'] = None; sys.modules['msgspec'] = None; sys.modules['psycopg'] = None;"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def run(kind: str, content: str, key: str = "", more: tuple[str, ...] = ()) -> tuple[int, str]:
        (tmp_path / "checked").write_text(content, encoding="utf-8")
        arguments = [copy, kind, tmp_path / "checked", "--key", key or seal_key.signer().public.text(), *more]
        command = [sys.executable, "-I", "-c", bare, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def sealed(sealer, grow):
    for events in (300, 150):
        grow(events)
        sealer.step()
    sealer.export()
    grow(50)
    sealer.step()


@pytest.mark.postgres
def test_a_checkpoint_a_proof_and_the_growth_hold_without_dispatch(sealed, evidence, exports, check):
    latest = (exports.path / "latest.txt").read_text()
    assert check("checkpoint", latest) == (
        0,
        f"good: example.org/ledger had 450 events under the root {root(latest)}\n",
    )
    code, said = check("proof", evidence.prove(301))
    assert (code, said.startswith("good: JobOpened.2 at position 301, version 1 of stream ")) == (0, True)
    assert "it is event 300 of 500 that example.org/ledger signed" in said
    for pair in ((300, 500), (latest, 500), (450, 450)):
        code, said = check("consistency", evidence.consistency(*pair))
        assert (code, "only grew from" in said) == (0, True)


def root(note: str) -> str:
    import base64

    return base64.b64decode(note.split("\n")[2]).hex()


@pytest.mark.postgres
def test_another_key_another_kind_and_no_file_are_told_apart(sealed, evidence, exports, check, tmp_path):
    latest = (exports.path / "latest.txt").read_text()
    stranger = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert check("checkpoint", latest, stranger) == (1, "NOT GOOD: none of the given keys has signed it\n")
    assert check("proof", latest)[0] == 1
    assert check("export", evidence.prove(1))[0] == 1
    assert check("checkpoint", latest, "no key")[0] == 2
    assert check("checkpoint", latest, str(exports.path / "key.txt"))[0] == 0


def one_changed(text: str) -> list[str]:
    """The proof with each of its parts changed."""
    lines = text.split("\n")
    index = next(at for at, line in enumerate(lines) if line.startswith("index "))
    event = bytearray(verifier._bytes(lines[1].removeprefix("extra ")))
    event[-5] ^= 1
    other = b64encode(bytes(32)).decode()
    return [
        "\n".join([lines[0], f"extra {b64encode(event).decode()}", *lines[2:]]),
        "\n".join([*lines[:index], "index 7", *lines[index + 1 :]]),
        "\n".join([*lines[: index + 1], other, *lines[index + 2 :]]),
        "\n".join([*lines[: index + 1], *lines[index + 2 :]]),
        "\n".join([*lines[: index + 1], other, *lines[index + 1 :]]),
        text.replace("\n500\n", "\n501\n"),
        text[:-20] + "\n",
    ]


@pytest.mark.postgres
def test_a_changed_proof_is_not_good(sealed, evidence, seal_key):
    keys, good = [verifier.parse_key(seal_key.signer().public.text())], evidence.prove(301)
    verifier.verify_proof(good, keys)
    for bad in one_changed(good):
        with pytest.raises(verifier.Refuted):
            verifier.verify_proof(bad, keys)


@pytest.mark.postgres
@pytest.mark.parametrize(("first", "last"), [(1, None), (1, 500), (100, 420), (257, 512), (499, 500), (301, 301)])
def test_an_export_holds_without_dispatch(sealed, evidence, check, tmp_path, first, last):
    path = tmp_path / "export.ndjson"
    count = evidence.export(path, first, last, lambda done, total: None)
    assert count == (min(500, last or 500) - first + 1)
    code, said = check("export", path.read_text())
    assert code == 0, said
    assert said.startswith(f"good: {count} events, number {first - 1} to {first + count - 2} of 500 that example.org/")


@pytest.mark.postgres
def test_a_segment_is_proven_by_the_checkpoint_that_its_reader_kept(sealed, evidence, exports, seal_key, tmp_path):
    """Kept when there were 450 events; there are 500 by now."""
    keys, kept = [verifier.parse_key(seal_key.signer().public.text())], exports.latest().note
    old, new = tmp_path / "old.ndjson", tmp_path / "new.ndjson"
    for last, count in ((400, 301), (450, 351), (480, 351), (None, 351)):  # What came later is left out.
        assert evidence.export(old, 100, last, lambda done, total: None, against=kept) == count
        said = verifier.verify_export(old.read_text().splitlines(), keys, kept)
        assert said.startswith(f"{count} events, number 99 to {98 + count} of 450 that")
    evidence.export(new, 100, 400, lambda done, total: None)
    verifier.verify_export(new.read_text().splitlines(), keys)
    with pytest.raises(verifier.Refuted, match="by a checkpoint of 500 events, not by yours: 450"):
        verifier.verify_export(new.read_text().splitlines(), keys, kept)
    with pytest.raises(EvidenceMissing, match="event_unknown"):
        evidence.export(old, 451, 500, lambda done, total: None, against=kept)
    with pytest.raises(EvidenceMissing, match="checkpoint_invalid"):
        evidence.export(old, 1, 2, lambda done, total: None, against="no checkpoint")


@pytest.mark.postgres
def test_a_segment_and_the_checkpoint_that_was_kept_are_checked_by_the_file_alone(sealed, evidence, exports, check):
    path = exports.path / "segment.ndjson"
    evidence.export(path, 257, 300, lambda done, total: None, against=exports.latest().note)
    latest = ("--checkpoint", str(exports.path / "latest.txt"))
    code, said = check("export", path.read_text(), more=latest)
    assert (code, said.startswith("good: 44 events, number 256 to 299 of 450")) == (0, True)
    evidence.export(path, 257, 300, lambda done, total: None)
    assert check("export", path.read_text(), more=latest)[0] == 1


FORGERIES = {
    "a flipped byte": "UPDATE ledger.stored_events SET state = set_byte(state, 3, 0) WHERE notification_id = 320",
    "a removed event": "DELETE FROM ledger.stored_events WHERE notification_id = 320",
    "a removed end": "DELETE FROM ledger.stored_events WHERE notification_id BETWEEN 340 AND 360",
    "another event in its place": (
        "DELETE FROM ledger.stored_events WHERE notification_id = 320;"
        " INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state, notification_id)"
        " VALUES (gen_random_uuid(), 1, 'JobDelivered', '{}', 320)"
    ),
    "swapped events": (
        "UPDATE ledger.stored_events SET notification_id = -1 WHERE notification_id = 320;"
        " UPDATE ledger.stored_events SET notification_id = 320 WHERE notification_id = 330;"
        " UPDATE ledger.stored_events SET notification_id = 330 WHERE notification_id = -1"
    ),
}


@pytest.mark.postgres
@pytest.mark.parametrize("forge", FORGERIES)
def test_a_segment_of_a_forged_ledger_is_not_good(sealed, evidence, seal_key, superuser, tmp_path, forge):
    path, keys = tmp_path / "segment.ndjson", [verifier.parse_key(seal_key.signer().public.text())]
    superuser.execute(FORGERIES[forge])
    evidence.export(path, 310, 360, lambda done, total: None)
    with pytest.raises(verifier.Refuted):
        verifier.verify_export(path.read_text().splitlines(), keys)


@pytest.mark.postgres
def test_neighbouring_segments_leave_no_hole_between_them(sealed, evidence, seal_key, tmp_path):
    keys = [verifier.parse_key(seal_key.signer().public.text())]
    numbers = []
    for first, last in ((1, 200), (201, 410), (411, 500)):
        path = tmp_path / f"{first}.ndjson"
        evidence.export(path, first, last, lambda done, total: None)
        said = verifier.verify_export(path.read_text().splitlines(), keys)
        numbers.append(said.split(" of 500")[0])
    assert numbers == ["200 events, number 0 to 199", "210 events, number 200 to 409", "90 events, number 410 to 499"]


@pytest.mark.postgres
def test_a_changed_export_is_not_good(sealed, evidence, seal_key, tmp_path):
    keys, path = [verifier.parse_key(seal_key.signer().public.text())], tmp_path / "export.ndjson"
    evidence.export(path, 280, 460, lambda done, total: None)
    lines = path.read_text().splitlines()
    assert "2 checkpoints" in verifier.verify_export(lines, keys)
    entries = [at for at, line in enumerate(lines) if json.loads(line)["kind"] == "entry"]
    at = entries[50]
    bad = [lines[:at] + lines[at + 1 :], lines[:-1], lines[: entries[-1]] + lines[-1:], []]
    bad.append([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]])
    bad.append([*lines[:at], lines[at], *lines[at:]])
    for change in (
        {"actor": "eve"},
        {"actor": None},
        {"version": 8},
        {"name": "JobCancelled"},
        {"recorded_at": "2026-01-01T00:00:00.000000Z"},
        {"state": "{}"},
        {"position": -1},
        {"correlation_id": None},
        {"causation_id": "no uuid"},
    ):
        bad += [[*lines[:at], json.dumps(json.loads(lines[at]) | change), *lines[at + 1 :]]]
    for change in ({"peaks": []}, {"first_index": 280}, {"format": "other"}):
        bad += [[json.dumps(json.loads(lines[0]) | change), *lines[1:]]]
    for one in bad:
        with pytest.raises(verifier.Refuted):
            verifier.verify_export(one, keys)


@pytest.mark.postgres
def test_an_export_over_a_rotation_holds_under_either_key(sealed, evidence, seal_key, open_sealer, grow, tmp_path):
    first, path = seal_key.signer().public.text(), tmp_path / "export.ndjson"
    second = seal_key.rotate().text()
    grow(10)
    open_sealer().step()
    evidence.export(path, 1, None, lambda done, total: None)
    for key in (first, second):
        verifier.verify_export(path.read_text().splitlines(), [verifier.parse_key(key)])
    forged = path.read_text().splitlines()
    forged[0] = json.dumps(json.loads(forged[0]) | {"rotations": []})
    with pytest.raises(verifier.Refuted):
        verifier.verify_export(forged, [verifier.parse_key(first)])


@pytest.mark.postgres
def test_its_canonical_bytes_are_ours(sealed, superuser):
    superuser.execute(
        "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state, actor, recorded_at)"
        " VALUES (gen_random_uuid(), 3, 'Odd', '\\xff00', 'Zoë', '1999-12-31 23:59:59.999999+00')"
    )
    for row in read_rows(superuser, 495):
        assert verifier.leaf_data(json.loads(json.dumps(entry_line(entry_of(row))))) == leaf_data(row)


@given(st.integers(1, 40), st.data())
def test_its_trees_are_the_rfcs(size: int, data: st.DataObject):
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    leaf, root = verifier.leaf_hash(ENTRIES[index]), naive_tree.mth(ENTRIES[:size])
    assert verifier.root_from(leaf, index, size, naive_tree.path(index, ENTRIES[:size])) == root
    tree = verifier.Tree(0, [])
    for entry in ENTRIES[:first]:
        tree.append(verifier.leaf_hash(entry))
    before, after = verifier.Checkpoint("x", first, tree.root()), verifier.Checkpoint("x", size, root)
    proof = naive_tree.proof(first, ENTRIES[:size]) if first else []
    verifier.check_consistency(before, after, proof)
    other = data.draw(st.binary(min_size=32, max_size=32))
    for wrong in ([*proof, other], proof[:-1] if proof else [other], [other, *proof[1:]]):
        if wrong != proof:
            with pytest.raises(verifier.Refuted):
                verifier.check_consistency(before, after, wrong)
