"""The ledger dumped and restored elsewhere: the same order, positions, checkpoints and proofs, and nothing hidden."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.adapters.embedded.postgres_cluster import find_installation
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.postgres.migrate import migrate
from dispatch.adapters.seal.evidence import PostgresEvidence
from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.sealer import Sealer, SealRefused
from dispatch.application.ports.evidence import DamageKind, Verdict
from dispatch.verifier import dispatch_verify as verifier
from ledgers import new_id, start
from servers import fresh_database

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
ROLLED_BACK = "SELECT nextval('ledger.stored_events_notification_id_seq') FROM generate_series(1, 5)"
TABLES = {
    "events": "SELECT * FROM ledger.stored_events ORDER BY notification_id",
    "tiles": "SELECT * FROM ledger.seal_tiles ORDER BY level, index",
    "checkpoints": "SELECT * FROM ledger.seal_checkpoints ORDER BY size",
    "next position": "SELECT last_value, is_called FROM ledger.stored_events_notification_id_seq",
}


def program(name: str, *arguments: object) -> None:
    """One of the programs that come with the embedded server."""
    command = [find_installation() / "bin" / name, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def dump(url: str, path: Path) -> Path:
    program("pg_dump", "--format=custom", f"--file={path}", url)
    return path


def restore(path: Path, url: str) -> None:
    """As the runbook says: a dump holds no roles, migrating makes them and their rights anew."""
    options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-acl")
    program("pg_restore", *options, f"--dbname={url}", path)
    migrate(url)


def stored(url: str) -> dict[str, list]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {name: connection.execute(query).fetchall() for name, query in TABLES.items()}


@pytest.fixture(scope="module")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Another cluster, with settings of its own."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("other"), settings={"max_connections": "30"}) as server:
        yield server


@pytest.fixture
def elsewhere(other_server: EmbeddedPostgres) -> Iterator[str]:
    """An empty database of the other cluster."""
    with fresh_database(other_server.url) as url:
        yield url


@pytest.fixture
def restored(elsewhere: str, seal_key: SealKey, exports: CheckpointFolder) -> Iterator["Restored"]:
    one = Restored(elsewhere, seal_key, exports)
    yield one
    one.close()


class Restored:
    """The ledger as it goes on elsewhere, with the key and the folder of checkpoints that moved with it."""

    def __init__(self, url: str, key: SealKey, exports: CheckpointFolder) -> None:
        self.url = url
        self.evidence = PostgresEvidence(url, key, exports)
        self.sealer = Sealer(url, key, exports)
        self._ledger: PostgresLedger | None = None

    def append(self, events: int) -> list[int]:
        """The positions of so many new streams."""
        self._ledger = self._ledger or PostgresLedger(LedgerRecorder(open_datastore(self.url)))
        answers = self._ledger.append([start(new_id()) for _ in range(events)])
        return [answer.start for answer in answers if isinstance(answer, range)]

    def verify(self, since: str | None = None) -> Verdict:
        return self.evidence.verify(since=since, key=None, on_progress=lambda done, total: None)

    def close(self) -> None:
        self.sealer.close()
        if self._ledger is not None:
            self._ledger.close()


@pytest.fixture
def sealed(sealer: Sealer, grow: Callable[[int], list[str]], superuser) -> Sealer:
    """500 events under two checkpoints, of which the first was exported, and a gap; three more are not sealed."""
    grow(300)
    sealer.step()
    sealer.export()
    superuser.execute(ROLLED_BACK)
    grow(200)
    sealer.step()
    grow(3)
    superuser.execute("ALTER TABLE ledger.stored_events ENABLE ALWAYS TRIGGER append_only")
    superuser.execute("ALTER TABLE ledger.seal_checkpoints ENABLE ALWAYS TRIGGER append_only")
    return sealer


@pytest.mark.acceptance("0.05", part="the ledger: a dump restored elsewhere holds the same order, positions and proofs")
@pytest.mark.acceptance("3.20", part="the ledger: what a restore test checks")
def test_a_restored_ledger_is_the_same_and_goes_on(sealed, database_url, evidence, exports, restored, tmp_path):
    before, proof, grown = stored(database_url), evidence.prove(450), evidence.consistency(300, 500)
    kept = exports.latest().note
    restore(dump(database_url, tmp_path / "ledger.dump"), restored.url)

    assert stored(restored.url) == before
    for verdict in (restored.verify(), restored.verify(kept)):
        assert verdict.is_good
        assert (verdict.size, verdict.unsealed, verdict.exported) == (500, 3, 1)
    assert (restored.evidence.prove(450), restored.evidence.consistency(300, 500)) == (proof, grown)

    assert restored.append(2) == [509, 510]  # 503 events and a gap of 5: the next position came along.
    assert restored.sealer.step() == 5
    assert restored.sealer.check_strays(everything=True) == []
    assert restored.verify(kept).is_good
    keys = list(map(verifier.parse_key, (exports.path / "key.txt").read_text().splitlines()))
    assert "only grew from 300 to 505" in verifier.verify_consistency(restored.evidence.consistency(kept, 505), keys)


@pytest.mark.acceptance("0.05", part="the commands of the runbook, run as they stand there")
def test_the_runbooks_commands_back_up_restore_and_verify(sealed, database_url, seal_key, exports, tmp_path):
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = runbook.split("## Back up, restore or move the ledger")[1].split("\n## ")[0]
    back_up, restore_and_verify = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    places = {"BACKUP": str(tmp_path / "backup"), "RESTORED": str(tmp_path / "restored")}
    environment = {**os.environ, **places, "DISPATCH_DATA": str(tmp_path)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"

    def bash(commands: str, **more: str) -> str:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=ROOT, env={**environment, **more}, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    bash(back_up, DISPATCH_DATABASE_URL=database_url)
    said = bash(restore_and_verify)
    assert "every sealed event is as it was recorded" in said
    assert "500 events in all" in said


def test_a_restored_ledger_is_still_append_only(sealed, database_url, restored, tmp_path):
    restore(dump(database_url, tmp_path / "ledger.dump"), restored.url)
    with (
        psycopg.connect(restored.url) as superuser,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="the ledger is append-only"),
    ):
        superuser.execute("UPDATE ledger.stored_events SET actor = 'eve'")


@pytest.fixture
def behind(sealed, database_url, grow, restored, tmp_path) -> Restored:
    """Restored from a dump of 503 events, when 603 were sealed and that was exported."""
    path = dump(database_url, tmp_path / "ledger.dump")
    grow(100)
    sealed.step()
    sealed.export()
    restore(path, restored.url)
    return restored


def test_a_restored_ledger_that_is_behind_says_so(behind: Restored):
    verdict = behind.verify()
    assert {one.kind for one in verdict.damage} == {DamageKind.LEDGER_BEHIND, DamageKind.TAIL_MISSING}
    [tail] = [one.what for one in verdict.damage if one.kind is DamageKind.TAIL_MISSING]
    assert tail.startswith("100 sealed events are gone from the end, behind the first 503: the exported copy has")
    [said] = [one.what for one in verdict.damage if one.kind is DamageKind.LEDGER_BEHIND]
    assert said == (
        "the database is behind what was signed: its newest checkpoint is of 500 events, an exported one of 603,"
        " so it was restored from an older backup, or its end was cut off"
    )
    standing = behind.evidence.standing()
    assert (standing.sealed, standing.exported) == (500, 603)


def test_nothing_is_signed_behind_what_was_signed(behind: Restored):
    with pytest.raises(SealRefused, match=r"covers 603 events, the database only 500: some are gone, as after a rest"):
        behind.sealer.step()


def test_appending_does_not_hide_that_it_is_behind(behind: Restored):
    behind.append(200)
    verdict = behind.verify()
    assert verdict.damage[0].kind is DamageKind.LEDGER_BEHIND
    assert DamageKind.TREE_CHANGED in {one.kind for one in verdict.damage}
    with pytest.raises(SealRefused, match="as after a restore from a backup that is older"):
        behind.sealer.step()


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_damaged_dump_is_not_restored(sealed, database_url, elsewhere, tmp_path, at: float):
    path = dump(database_url, tmp_path / "ledger.dump")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * at)])
    with pytest.raises(AssertionError):
        restore(path, elsewhere)
    with psycopg.connect(elsewhere) as connection:
        assert connection.execute("SELECT to_regclass('ledger.stored_events')").fetchone() == (None,)
