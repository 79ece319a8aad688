"""Every expected error as one block: code, what, where, fix. With --json it is `{"error": {...}}` on stdout."""

import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatch.entrypoints.cli.context import Cli

FIXES = {
    "batch_unknown": "list the batches with `dispatch batch list`",
    "batch_not_judged": "wait until it is judged: `dispatch batch show`",
    "batch_busy": "wait until it is taken in, or taken back: `dispatch batch show`",
    "batch_whole": "nothing; every row of it is a job or a duplicate",
    "batch_taken_back": "have it judged anew with `dispatch batch reset`, or upload a corrected file",
    "batch_has_jobs": "take the import back first with `dispatch batch undo`; while it is judged or taken back, wait",
    "batch_unreadable": "mend the file where it breaks, and upload it",
    "nothing_to_undo": "see where it stands with `dispatch batch show`; `dispatch batch reset` has it judged anew",
    "batch_not_awaiting_approval": "see where it stands with `dispatch batch show`; what waits: `dispatch batch desk`",
    "approver_brought_it": "ask somebody else to look at it: `dispatch batch approve` as another user",
    "batch_taken_in": "its rows are jobs already; `dispatch batch show` says how far they are",
    "job_unknown": "list the jobs with `dispatch job list`",
    "job_not_yet_opened": "ask for a later time; without --at it is shown as it is now",
    "job_not_escalated": "see where it stands with `dispatch job show`; only what waits for a person is sent on",
    "job_already_sent": "the message is out; tell the customer, the ledger cannot take it back",
    "job_already_ended": "see how it ended with `dispatch job show`",
    "notification_unknown": "list them with `dispatch notify list`",
    "idempotency_key_reused": "send the first one unchanged, or give this one a key of its own",
    "scheduled_in_the_past": "give a scheduledAt in the future, or leave it out to send at once",
    "scheduled_too_far_ahead": "give a scheduledAt within 366 days",
    "contact_unknown": "check the address; rows that were refused are never stored, and erased ones are gone already",
    "address_invalid": "write a UK phone number like 07700 900123, or an address like jo@example.org",
    "reason_missing": "give a --reason without personal data",
    "stage_not_in_route": "see the job's route with `dispatch job why`",
    "stage_not_skippable": "let it go on at `clear`, at `dispatch`, or before them",
    "replay_unknown": "list the replays with `dispatch failures replays`",
    "replay_ended": "see its report with `dispatch failures replay`",
    "nothing_to_replay": "see what is open with `dispatch failures list`",
    "replay_too_large": "narrow it down with --batch, --stage, --code or --since",
    "replay_reason_missing": "give a --reason without personal data",
    "replay_stage_missing": "name the stage to go on at with --to",
    "replay_rate_invalid": "give --rate a number from 0.01 to 10000",
    "source_unknown": "list the sources with `dispatch source list`",
    "source_exists": "remove it first with `dispatch source remove`, or choose another name",
    "source_name_invalid": "choose a name like crm or letters-2026",
    "source_interval_invalid": "give --every a number of seconds from 1 to 604,800",
    "source_location_invalid": "give --location a folder or file below DISPATCH_SOURCE_FOLDERS, or an https address",
    "endpoint_unknown": "list the endpoints with `dispatch endpoint list`",
    "endpoint_exists": "change it over HTTP (PATCH), remove it first, or choose another name",
    "endpoint_name_invalid": "choose a name like crm or letters-2026",
    "endpoint_filter_invalid": "give --type like job.delivered, job.* or *, and --batch the whole id of a batch",
    "endpoint_url_invalid": "give --url a public https address without user and password",
    "replay_in_future": "give --since a time that has passed",
    "pause_target_invalid": "name a stage, provider or batch; `all` and `intake` have no name",
    "pause_target_unknown": "see the stages with `dispatch pipeline`, the providers with `dispatch provider list`",
    "pause_ends_in_the_past": "give --until a time to come, or --for a length like 2h",
    "pause_reason_too_long": "give a shorter --reason without personal data",
    "nobody_scales": "start one with `dispatch up`; of containers: `docker compose up --scale worker=4 --no-recreate`",
    "processes_out_of_range": "give a whole number from 0 to 64",
    "scale_reason_too_long": "give a shorter --reason without personal data",
    "error_threshold_out_of_range": "give --threshold a whole number from 0 to 100",
}


@dataclass(frozen=True)
class Problem:
    """What a person needs to know to go on. `code` is stable and public."""

    code: str
    what: str
    where: str
    fix: str


class Refused(Exception):
    """The command line itself refuses: an id that fits nothing, a view that does not exist."""

    def __init__(self, code: str, what: str, where: str, fix: str) -> None:
        super().__init__(code, what, where, fix)
        self.problem = Problem(code, what, where, fix)


def say(error: Exception, cli: "Cli") -> bool:
    """Say an expected error; False for one that nobody expects, which is a bug to be seen."""
    problem = explain(error, cli)
    if problem is None:
        return False
    if _debugging(cli):
        traceback.print_exception(error, file=sys.stderr)
    if cli.as_json:
        import msgspec

        sys.stdout.write(msgspec.json.encode({"error": asdict(problem)}).decode() + "\n")
        return True
    from rich.console import Console
    from rich.text import Text

    block = Text.assemble(
        ("error ", "bold red"), (f"{problem.code}\n", "bold"), f"  what   {problem.what}\n  where  {problem.where}\n"
    )
    block.append(f"  fix    {problem.fix}")
    Console(stderr=True, highlight=False).print(block, soft_wrap=True)
    return True


def explain(error: BaseException, cli: "Cli") -> Problem | None:
    """The block for an error; None when it is not one that is expected."""
    if isinstance(error, Refused):
        return error.problem
    from dispatch.application.intake.profiles import ProfileUnknown
    from dispatch.application.intake.refused import FileRefused
    from dispatch.application.ports.evidence import EvidenceMissing
    from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict
    from dispatch.application.ports.privacy import KeyMissing
    from dispatch.application.ports.queries import ViewsUnavailable
    from dispatch.application.smoke import NotSetUp
    from dispatch.domain.errors import DomainError
    from dispatch.entrypoints.settings import SettingsError

    match error:
        case (
            FileRefused(code=code, what=what, where=where, fix=fix)
            | EvidenceMissing(code=code, what=what, where=where, fix=fix)
        ):
            return Problem(code, what, where, fix)
        case DomainError():
            facts = ", ".join(map(str, error.args))
            what = (error.__doc__ or error.code).splitlines()[0]
            return Problem(error.code, what, facts, FIXES.get(error.code, "change what you ask for"))
        case KeyMissing():
            fix = "bring back the key from where you keep its copy; without it personal data cannot be read"
            return Problem("key_missing", str(error), "the keys of personal data", fix)
        case NotSetUp():
            fix = "mend that first; it says nothing of the rest of the installation"
            return Problem("smoke_not_set_up", str(error), "before or behind the smoke test", fix)
        case ProfileUnknown():
            return Problem("profile_unknown", str(error.args[0]), "--profile", "choose one of the known profiles")
        case SettingsError():
            where = re.split(r"[:\s]", str(error), maxsplit=1)[0]
            return Problem("setting_invalid", str(error), where, "correct or unset it")
        case VersionConflict():
            return Problem("conflict", str(error), error.stream, "others were writing to it: run the command again")
        case LedgerUnavailable() | ViewsUnavailable():
            return _postgres(error, cli) or _unreachable(error, cli)
        case _:
            return _not_running(error) or _postgres(error, cli) or _os(error)


def _not_running(error: BaseException) -> Problem | None:
    from dispatch.entrypoints.surroundings import NotRunning

    if not isinstance(error, NotRunning):
        return None
    what, _, fix = str(error).partition(": ")
    return Problem("not_running", what, "data folder and environment", fix or "start it with `dispatch up`")


def _postgres(error: BaseException, cli: "Cli") -> Problem | None:
    """psycopg's errors, also inside those of SQLAlchemy, its pool, and the ledger."""
    import psycopg
    from psycopg_pool import PoolTimeout

    for cause in _causes(error):
        match cause:
            case psycopg.errors.UndefinedTable() | psycopg.errors.InvalidSchemaName():
                fix = "run `dispatch migrate` as the owner of this database, or `dispatch up`: that prepares it"
                return Problem("database_not_prepared", _first_line(cause), _database(cli), fix)
            case psycopg.OperationalError() | PoolTimeout():
                return _unreachable(cause, cli)
            case psycopg.Error():
                fix = "run `dispatch doctor`; it checks the server and the schema"
                return Problem("postgres_refused", _first_line(cause), _database(cli), fix)
            case _:
                continue
    return None


def _unreachable(error: BaseException, cli: "Cli") -> Problem:
    fix = "start the system with `dispatch up`, or correct DISPATCH_DATABASE_URL; `dispatch doctor` checks more"
    return Problem("postgres_unreachable", _first_line(error), _database(cli), fix)


def _os(error: BaseException) -> Problem | None:
    if not isinstance(error, OSError) or not error.filename:
        return None
    reason = (error.strerror or type(error).__name__).lower()
    return Problem("file_unusable", reason, str(error.filename), "check the path, its permissions and the free space")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, "orig", None), cause.__cause__, cause.__context__]


def _first_line(error: BaseException) -> str:
    """Without the hints of the driver, which are about its own connections."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _database(cli: "Cli") -> str:
    from dispatch.entrypoints.settings import SettingsError, redacted

    try:
        return str(redacted(cli.load().settings)["database_url"]) or "the embedded Postgres"
    except SettingsError:
        return "DISPATCH_DATABASE_URL"


def _debugging(cli: "Cli") -> bool:
    from dispatch.entrypoints.settings import SettingsError

    try:
        return cli.load().settings.log_level.lower() == "debug"
    except SettingsError:
        return False
