"""The sealer grows the RFC's tree over what is stored, signs only what adds to it, and survives restarts and rivals."""

import stat
import threading
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

import naive_tree
from dispatch.adapters.seal import sealer as sealing
from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.leaves import entry_of, leaf_data, read_rows
from dispatch.adapters.seal.notes import KeyInvalid, open_note
from dispatch.adapters.seal.sealer import Sealer, SealRefused
from dispatch.adapters.seal.tiles import Tiles
from dispatch.application.ports.evidence import DamageKind
from dispatch.domain.checkpoint import parse_checkpoint
from dispatch.domain.merkle import inclusion_proof, verify_inclusion

pytestmark = pytest.mark.postgres


def checkpoints(connection, key: SealKey):
    """Every checkpoint of the database, opened with the public key, in order of size."""
    notes = connection.execute("SELECT note FROM ledger.seal_checkpoints ORDER BY size").fetchall()
    return [parse_checkpoint(open_note(note, key.trusted())) for (note,) in notes]


def stored_leaves(connection) -> list[bytes]:
    return [leaf_data(row) for row in read_rows(connection, 0)]


@pytest.mark.parametrize("sizes", [(1, 1, 1), (255, 1, 1), (256, 300), (700,), (3, 600, 2)])
def test_the_signed_roots_are_those_of_the_definition(sealer, grow, superuser, seal_key, sizes):
    reached = []
    for size in sizes:
        grow(size)
        assert sealer.step() == size
        reached.append(sum(sizes[: len(reached) + 1]))
    assert sealer.step() == 0
    leaves = stored_leaves(superuser)
    assert [one.size for one in checkpoints(superuser, seal_key)] == reached
    assert [one.root for one in checkpoints(superuser, seal_key)] == [naive_tree.mth(leaves[:size]) for size in reached]


def test_a_long_way_is_sealed_in_checkpoints_of_4096(sealer, grow, superuser, seal_key, monkeypatch):
    monkeypatch.setattr(sealing, "EVENTS_PER_CHECKPOINT", 512)
    monkeypatch.setattr(sealing, "CHECKPOINTS_PER_STEP", 2)
    grow(100)
    sealer.step()
    grow(1_500)
    assert [sealer.step() for _ in range(3)] == [924, 576, 0]
    assert [one.size for one in checkpoints(superuser, seal_key)] == [100, 512, 1024, 1536, 1600]


def test_any_event_is_proven_from_the_stored_tiles(sealer, grow, superuser, seal_key):
    grow(600)
    sealer.step()
    leaves, tiles = stored_leaves(superuser), Tiles(superuser)
    [signed] = checkpoints(superuser, seal_key)
    for index in (0, 1, 255, 256, 511, 512, 599):
        proof = inclusion_proof(index, 600, tiles.node)
        assert proof == naive_tree.path(index, leaves)
        verify_inclusion(naive_tree.digest(b"\x00" + leaves[index]), index, 600, proof, signed.root)


def test_positions_with_gaps_are_found(sealer, grow, superuser):
    grow(3)
    superuser.execute("SELECT nextval('ledger.stored_events_notification_id_seq') FROM generate_series(1, 5)")
    grow(3)
    sealer.step()
    tiles = Tiles(superuser)
    positions = [entry_of(row).position for row in read_rows(superuser, 0)]
    assert positions == [1, 2, 3, 9, 10, 11]
    assert [tiles.index_of(position) for position in positions] == [0, 1, 2, 3, 4, 5]
    assert [tiles.position_of(index) for index in range(6)] == positions
    assert [tiles.index_of(position) for position in (0, 4, 8, 12)] == [None] * 4


def test_a_restarted_sealer_goes_on_from_what_is_stored(open_sealer, grow, superuser, seal_key):
    for size in (300, 1, 213, 100):
        grow(size)
        with_restart = open_sealer()
        assert with_restart.step() == size
        with_restart.close()
    leaves = stored_leaves(superuser)
    assert checkpoints(superuser, seal_key)[-1].root == naive_tree.mth(leaves)


def test_two_sealers_at_once_sign_one_history(open_sealer, grow, superuser, seal_key, monkeypatch):
    monkeypatch.setattr(sealing, "EVENTS_PER_CHECKPOINT", 64)
    monkeypatch.setattr(sealing, "CHECKPOINTS_PER_STEP", 1)
    grow(1_000)
    counted: list[int] = []

    def seal(one: Sealer) -> None:
        while sealed := one.step():
            counted.append(sealed)

    rivals = [threading.Thread(target=seal, args=(open_sealer(),)) for _ in range(2)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    leaves, signed = stored_leaves(superuser), checkpoints(superuser, seal_key)
    assert sum(counted) == 1_000
    assert signed[-1].size == 1_000
    assert [one.root for one in signed] == [naive_tree.mth(leaves[: one.size]) for one in signed]


def test_the_key_is_made_once_and_only_its_owner_reads_it(sealer, grow, seal_key: SealKey):
    grow(1)
    sealer.step()
    made = seal_key.path.read_text()
    assert stat.S_IMODE(seal_key.path.stat().st_mode) == 0o600
    grow(1)
    sealer.step()
    assert seal_key.path.read_text() == made
    seal_key.path.chmod(0o644)
    grow(1)
    with pytest.raises(KeyInvalid, match="others can read"):
        sealer.step()


def test_a_key_of_another_origin_signs_nothing(sealer, grow, seal_key: SealKey, exports: CheckpointFolder):
    grow(1)
    sealer.step()
    with pytest.raises(
        KeyInvalid, match=r"signs for example\.org/ledger, but DISPATCH_SEAL_ORIGIN is example\.org/other"
    ):
        SealKey(seal_key.path, exports.path / "rotations.txt", "example.org/other").signer()


def test_the_newest_checkpoint_is_copied_out_once(sealer, grow, exports: CheckpointFolder, seal_key: SealKey):
    assert sealer.export() is False
    for size in (5, 2):
        grow(size)
        sealer.step()
        assert sealer.export() is True
        assert sealer.export() is False
    assert [one.size for one in exports.all()] == [5, 7]
    latest = (exports.path / "latest.txt").read_text()
    assert latest == exports.latest().note
    assert parse_checkpoint(open_note(latest, seal_key.trusted())).size == 7
    assert (exports.path / "key.txt").read_text().strip() == seal_key.signer().public.text()


def test_a_line_that_was_cut_off_loses_only_itself(sealer, grow, exports: CheckpointFolder):
    grow(1)
    sealer.step()
    sealer.export()
    log = exports.path / "checkpoints.ndjson"
    log.write_bytes(log.read_bytes() + b'{"size":2,"posi')
    grow(2)
    sealer.step()
    assert sealer.export() is True
    assert [one.size for one in exports.all()] == [1, 3]


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        ("UPDATE ledger.seal_tiles SET hashes = overlay(hashes PLACING '\\x00' FROM 9)", "does not have the root"),
        ("DELETE FROM ledger.seal_tiles WHERE level = 0 AND index = 1", "missing or too short"),
        ("UPDATE ledger.seal_checkpoints SET note = replace(note, E'\\n300\\n', E'\\n299\\n')", "cannot be trusted"),
        ("UPDATE ledger.seal_checkpoints SET note = 'nothing'", "cannot be trusted"),
    ],
    ids=["tile", "tile gone", "checkpoint", "no note"],
)
def test_nothing_is_signed_after_a_forgery(open_sealer, grow, superuser, forge: str, why: str):
    grow(300)
    open_sealer().step()
    superuser.execute(forge)
    grow(1)
    with pytest.raises(SealRefused, match=why):
        open_sealer().step()
    assert superuser.execute("SELECT count(*) FROM ledger.seal_checkpoints").fetchone() == (1,)


def test_a_database_that_has_forgotten_is_not_signed(open_sealer, grow, superuser):
    """The exported checkpoint stands against a database that was put back, or its end cut off."""
    grow(10)
    first = open_sealer()
    first.step()
    first.export()
    superuser.execute("TRUNCATE ledger.seal_checkpoints, ledger.seal_tiles")
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id > 6")
    with pytest.raises(SealRefused, match="covers 10 events, the database only 0: some are gone"):
        open_sealer().step()


def test_a_rewritten_history_of_the_same_length_is_not_signed(open_sealer, grow, superuser):
    grow(10)
    first = open_sealer()
    first.step()
    first.export()
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 4")
    superuser.execute("TRUNCATE ledger.seal_checkpoints, ledger.seal_tiles")
    forger = open_sealer()
    forger._exports = CheckpointFolder(Path("/nonexistent"))  # With the key, but out of reach of the exported copy.
    forger.step()
    with pytest.raises(SealRefused, match="the exported checkpoint of size 10 is not of the tree"):
        open_sealer().step()


@pytest.mark.acceptance("2.22", part="the ledger: an event that comes below what is sealed raises an alarm")
def test_an_event_below_the_sealed_position_raises_an_alarm_and_is_named(
    sealer, grow, superuser, database_url, verify, evidence
):
    """As a writer makes it that does not take the lock: its position is from before the seal, its commit from after."""
    grow(5)
    sealer.step()
    sealer.check_strays(everything=True)
    with psycopg.connect(database_url) as slow:
        [(late, stream)] = slow.execute(
            "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
            " VALUES (gen_random_uuid(), 1, 'JobDelivered', '{}') RETURNING notification_id, originator_id::text"
        ).fetchall()
        superuser.execute(
            "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)"
            " VALUES (gen_random_uuid(), 1, 'JobDelivered', '{}')"
        )
        assert sealer.step() == 1
        assert sealer.check_strays() == []
        slow.commit()
    assert sealer.step() == 0
    with capture_logs() as logs:
        assert sealer.check_strays() == [late]
    assert logs == [{"event": "seal.alarm", "log_level": "error", "late": [late], "missing": [], "strays": 1}]
    [damage] = verify().damage
    assert (damage.kind, damage.position, damage.stream) == (DamageKind.EVENT_LATE, late, stream)
    assert (evidence.standing().late, evidence.standing().missing) == ((late,), ())


def test_late_and_missing_events_raise_an_alarm(sealer, grow, superuser):
    grow(20)
    sealer.step()
    assert sealer.check_strays(everything=True) == []
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id = 7")
    superuser.execute(
        "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state, notification_id)"
        " VALUES (gen_random_uuid(), 1, 'JobDelivered', '{}', 0), (gen_random_uuid(), 1, 'JobDelivered', '{}', -3)"
    )
    with capture_logs() as alarms:
        assert sealer.check_strays() == [7]
        assert sealer.check_strays() == [7]
        assert sealer.check_strays(everything=True) == [-3, 0, 7]
    assert [(alarm["late"], alarm["missing"]) for alarm in alarms] == [([], [7]), ([-3, 0], [7])]


def test_under_load_the_last_steps_are_counted_and_now_and_then_all_that_are_watched(
    sealer, grow, superuser, monkeypatch
):
    monkeypatch.setattr(sealing, "WATCHED_EVENTS", 5)
    monkeypatch.setattr(sealing, "WATCHED", 4)
    sealer.step()  # From the beginning on it is watched.
    for _ in range(3):
        grow(4)
        sealer.step()
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id IN (2, 12)")
    assert [sealer.check_strays() for _ in range(4)] == [[12], [12], [12], [2, 12]]
