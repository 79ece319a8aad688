"""Dead letters, their groups and replays, read from the views that the projector keeps."""

import msgspec

from dispatch.adapters.postgres.view_reader import ViewReader
from dispatch.application.ports.failures import DeadLetter, Depth, FailureGroup, ReplayItem, ReplayRow
from dispatch.domain.replay.events import Picked, Selection

GROUPS = """
SELECT * FROM ops.failure_groups WHERE open > 0 OR NOT :only_open
ORDER BY open DESC, last_seen DESC, fingerprint LIMIT :limit
"""
LETTERS = """
SELECT job_id::text, version, batch_id::text, fingerprint, stage, code, escalated_at FROM ops.dead_letters
WHERE resolved_at IS NULL
"""
CONDITIONS = {
    "fingerprint": "fingerprint = :fingerprint",
    "stage": "stage = :stage",
    "code": "code = :code",
    "batch_id": "batch_id = cast(:batch_id AS uuid)",
    "since": "escalated_at >= :since",
}
DEPTH = "SELECT count(*) AS open, min(escalated_at) AS oldest_at FROM ops.dead_letters WHERE resolved_at IS NULL"
OVERDUE = "SELECT count(*) AS open, min(due_at) AS oldest_at FROM ops.jobs WHERE due_at <= now()"
REPLAY = """
SELECT replay_id::text, action, stage, selection, counted, done, per_second, requested_by, reason, status, results,
       requested_at, changed_at, stopped_by, stop_reason
FROM ops.replays
"""
ITEMS = """
SELECT number, job_id::text, result FROM ops.replay_items
WHERE replay_id = cast(:replay_id AS uuid) AND number > :after AND (:any OR result = :result)
ORDER BY number LIMIT :limit
"""


class _Found(msgspec.Struct, frozen=True):
    name: str


class PostgresFailures(ViewReader):
    """Implements the port `Failures`."""

    def groups(self, *, only_open: bool = True, limit: int = 100) -> list[FailureGroup]:
        return self._rows(FailureGroup, GROUPS, {"only_open": only_open, "limit": limit})

    def group(self, fingerprint: str) -> FailureGroup | None:
        asked = {"fingerprint": fingerprint}
        rows = self._rows(FailureGroup, "SELECT * FROM ops.failure_groups WHERE fingerprint = :fingerprint", asked)
        return rows[0] if rows else None

    def fingerprints(self, beginning: str, *, limit: int = 2) -> list[str]:
        statement = """
        SELECT fingerprint AS name FROM ops.failure_kinds WHERE starts_with(fingerprint, :beginning)
        ORDER BY fingerprint LIMIT :limit
        """
        return [row.name for row in self._rows(_Found, statement, {"beginning": beginning, "limit": limit})]

    def dead_letters(self, selection: Selection, *, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        asked = msgspec.structs.asdict(selection)
        wanted = {name: value for name, value in asked.items() if value}
        conditions = [CONDITIONS[name] for name in wanted]
        if after is not None:
            conditions.append("job_id > cast(:after AS uuid)")
            wanted["after"] = after
        where = "".join(f" AND {condition}" for condition in conditions)
        return self._rows(DeadLetter, f"{LETTERS}{where} ORDER BY job_id LIMIT :limit", wanted | {"limit": limit})

    def pick(self, selection: Selection, *, limit: int) -> list[Picked]:
        return [Picked(letter.job_id, letter.version) for letter in self.dead_letters(selection, limit=limit)]

    def depth(self) -> Depth:
        [depth] = self._rows(Depth, DEPTH, {})
        return depth

    def overdue(self) -> Depth:
        [overdue] = self._rows(Depth, OVERDUE, {})
        return overdue

    def replays(self, *, limit: int = 50) -> list[ReplayRow]:
        return self._rows(ReplayRow, f"{REPLAY} ORDER BY requested_at DESC, replay_id LIMIT :limit", {"limit": limit})

    def replay(self, replay_id: str) -> ReplayRow | None:
        asked = {"replay_id": replay_id}
        rows = self._rows(ReplayRow, f"{REPLAY} WHERE replay_id = cast(:replay_id AS uuid)", asked)
        return rows[0] if rows else None

    def replay_ids(self, beginning: str, *, limit: int = 2) -> list[str]:
        digits = beginning.replace("-", "").lower()
        statement = """
        SELECT replay_id::text AS name FROM ops.replays WHERE replay_id BETWEEN cast(:least AS uuid)
        AND cast(:most AS uuid) ORDER BY 1 LIMIT :limit
        """
        asked = {"least": digits.ljust(32, "0"), "most": digits.ljust(32, "f"), "limit": limit}
        return [row.name for row in self._rows(_Found, statement, asked)]

    def running_replays(self) -> list[str]:
        statement = """
        SELECT replay_id::text AS name FROM ops.replays WHERE status = 'running' ORDER BY requested_at, replay_id
        """
        return [row.name for row in self._rows(_Found, statement, {})]

    def replay_items(
        self, replay_id: str, *, limit: int = 100, after: int = -1, result: str | None = None
    ) -> list[ReplayItem]:
        asked = {"replay_id": replay_id, "after": after, "any": result is None, "result": result or "", "limit": limit}
        return self._rows(ReplayItem, ITEMS, asked)
