"""Goal `limits`: decisions of the rate limiter a second, of one process and of four, on one limit and on many."""

from collections.abc import Iterator

from benchmarks.contest import Contest, Contestant, Goal, Timed
from benchmarks.lab import Lab
from benchmarks.limits.deciding import TABLE_BY_HAND, Work, decide_together
from dispatch.adapters.postgres.limits import PostgresLimiter, open_limits_pool
from dispatch.adapters.postgres.migrate import migrate

TITLE = "Limits: decisions of the rate limiter beside a plain upsert"
PACKAGES = ("psycopg", "psycopg-pool")
DESIGN = "design D13"
UPSERT = "plain upsert by hand"


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """The contests of this goal."""
    count = 400 if quick else 20_000
    yield contest(lab, "one process, a limit each", Work(1, count, "each"), Goal(0.5, (UPSERT,), DESIGN))
    yield contest(lab, "four processes, a limit each", Work(4, count, "each"), Goal(0.5, (UPSERT,), DESIGN))
    yield contest(lab, "four processes, one limit", Work(4, count, "shared"), Goal(0.5, (UPSERT,), DESIGN))


def contest(lab: Lab, name: str, work: Work, *goals: Goal) -> Contest:
    """Everybody decides the same number of times."""

    def run(how: str) -> Timed:
        with lab.database("limits", _prepare) as url:
            return Timed(work.processes * work.count, decide_together(url, how, work))

    return Contest(
        name=name,
        unit="decisions/s",
        about="Each process asks for one token, waits for the answer, and asks again.",
        contestants=[
            Contestant("dispatch, check", "ours", lambda: run("check"), "GCRA, the clock of the database"),
            Contestant("dispatch, check_many of 50", "ours", lambda: run("check_many"), "as the API does under load"),
            Contestant(
                "dispatch, reserve_all of 2", "ours", lambda: run("reserve_all"), "channel and provider at once"
            ),
            Contestant(UPSERT, "limit", lambda: run("upsert"), "a counter in the same kind of table"),
        ],
        goals=goals,
    )


def _prepare(url: str) -> None:
    migrate(url)
    with open_limits_pool(url) as pool:
        PostgresLimiter(pool).prepare()
        with pool.connection() as connection:
            connection.execute(TABLE_BY_HAND)
