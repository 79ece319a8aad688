"""`dispatch job show`: a job's row, and its history from the ledger, with personal data masked."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

import msgspec
import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dispatch.application.company import company_shown
from dispatch.application.job_at import job_row, until
from dispatch.application.ports.queries import JobRow
from dispatch.application.timeline import Step, timeline
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event
from dispatch.domain.money import pounds
from dispatch.domain.person import Person, shape
from dispatch.entrypoints.cli.company import show_company
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ids import find_job, job_name
from dispatch.entrypoints.cli.options import as_time, shared_options
from dispatch.entrypoints.cli.output import facts, out, print_json, table
from dispatch.entrypoints.cli.words import age


@click.command()
@click.argument("job", metavar="JOB")
@click.option(
    "--at", "moment", metavar="TIME", callback=as_time, help="As it was at this time (ISO 8601, UTC unless it says)."
)
@shared_options
@click.pass_obj
def show(cli: Cli, job: str, moment: datetime | None) -> None:
    """One job and everything that has happened to it. Personal data is masked to its shape.

    With --at it is the job as it was then, folded from its events up to that time, as the table below it shows them.
    TIME is like 2026-11-27T11:00:00+01:00, or 2026-11-27 10:00 in UTC.

    \b
    Examples:
      dispatch job show 3f2b8c1e:7
      dispatch job show 3f2b8c1e:7 --at "2026-11-27 10:00"
      dispatch job show 019aaf6c-1c00-83f2-8c1e-7a4d00000007 --json
    """
    with cli.open_app() as app:
        row = find_job(app.queries, job)
        recorded = app.ledger.trace(row.job_id)
        if moment is not None:
            recorded = until(recorded, moment)
            row = job_row(recorded)
        state = decider.fold(cast("list[Event]", [record.event for record in recorded]))
        known = app.persons.read({row.job_id: state.person})[row.job_id]
    person, steps, company = masked(known), timeline(recorded), company_shown(state)
    if cli.as_json:
        shown = {"job": row, "route": state.route, "person": person, "outputs": state.outputs, "timeline": steps}
        shown |= {"company": company} if company else {}
        print_json(shown if moment is None else {"as_of": moment, **shown})
        return
    console = out()
    if moment is not None:
        console.print(f"As it was on {moment:%Y-%m-%d} at {moment:%H:%M:%S} UTC.")
    _show_job(console, row, state.route, person)
    if company:
        show_company(console, company)
    console.print(_table(steps))


def masked(person: Person | None) -> dict[str, str]:
    """The shape of what is known of a person: letters are x, digits 9; what is not known is left out."""
    if person is None:
        return {"erased": "nobody can read it any more"}
    known = {name: shape(value) for name, value in msgspec.structs.asdict(person).items() if isinstance(value, str)}
    for slot in person.slots:
        each = {"name": slot.name, "email": slot.email, "phone": slot.phone}
        known |= {f"slot_{slot.position}_{name}": shape(value) for name, value in each.items()}
    return {name: value for name, value in known.items() if value}


def _show_job(console: Console, row: JobRow, route: Sequence[str], person: dict[str, str]) -> None:
    known = {
        "job": row.job_id,
        **({"short": job_name(row.batch_id[:8], row.row)} if row.row else {}),
        "reference": row.reference,
        "service": f"{row.service}, {pounds(row.price_pence)}",
        "status": row.status.value + (f" ({row.error_code})" if row.error_code else ""),
        "stage": f"{row.stage}, of {' > '.join(route)}",
        "opened": f"{row.opened_at:%Y-%m-%d %H:%M:%S} UTC, {age(row.opened_at)} ago",
        "person": ", ".join(f"{name} {value}" for name, value in person.items()) or "nothing known",
    }
    if row.attempts:
        known["attempts"] = f"{row.attempts} failed at this stage"
    console.print(facts(known), soft_wrap=True)


def _table(steps: Sequence[Step]) -> Table:
    shown = table("time (UTC)", "event", "stage", "attempt", "code", "actor", right=("attempt",))
    for step in steps:
        time = step.at.isoformat(sep=" ", timespec="milliseconds")[:23]
        attempt = str(step.attempt) if step.attempt else ""
        shown.add_row(time, step.name, step.stage, attempt, escape(step.code), escape(step.actor))
    return shown
