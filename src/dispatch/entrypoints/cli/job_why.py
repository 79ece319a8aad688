"""`dispatch job why`: which rule, input and event put a job where it is, and what can be done."""

from collections.abc import Mapping

import rich_click as click
from rich.console import Console
from rich.markup import escape

from dispatch.application.explanation import Budget, Evidence, Explanation, Input
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.ids import find_job, job_name
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import facts, out, print_json, table
from dispatch.entrypoints.cli.words import waits


@click.command()
@click.argument("job", metavar="JOB")
@shared_options
@click.pass_obj
def why(cli: Cli, job: str) -> None:
    """Why a job is where it is: the rule that decided, its inputs, the events in the ledger, and what can be done.

    It is worked out from the ledger, and from what is paused, failing, spent or limited now: of a job that waits in a
    queue or in a worker's hand it says for what, and until when. No personal data is shown.

    \b
    Examples:
      dispatch job why 3f2b8c1e:7
      dispatch job why 3f2b8c1e:7 --json | jq '.rule, .inputs'
    """
    with cli.open_app() as app:
        explanation = app.explain_job(find_job(app.queries, job).job_id)
    if cli.as_json:
        print_json(explanation)
    else:
        _show(out(), explanation)


def _show(console: Console, said: Explanation) -> None:
    short = job_name(said.batch_id[:8], said.row) if said.row else said.job_id
    known = {
        "job": f"{short}, {said.reference}",
        "status": f"{said.status.value} at {said.stage}" + (f" ({said.code})" if said.code else ""),
        "why": said.why,
        "rule": said.rule + _agreement(said),
        "inputs": _inputs(said.inputs),
        "attempts": _budget(said.budget) if said.budget else "",
        "due": f"{said.due_at:%Y-%m-%d %H:%M:%S} UTC" if said.due_at else "",
        "until": f"{said.until:%Y-%m-%d %H:%M:%S} UTC" if said.until else "",
        "decided": _event(said.decided),
        "rests on": "\n".join(map(_event, said.rests_on)).replace("\n", "\n            "),
        "route": f"{' > '.join(said.route)}, as in {_event(said.opened)}",
        "profile": f"{said.profile}, version {said.profile_version}" if said.profile else "",
        "next": said.next,
        "commands": ", ".join(f"dispatch job {action} {short}" for action in said.actions),
    }
    console.print(facts({name: text for name, text in known.items() if text}), soft_wrap=True)
    if said.attempts:
        failed = table("attempt", "failed at (UTC)", "code", "again", "position", right=("attempt", "position"))
        for one in said.attempts:
            again = "may pass" if one.transient else "would not help"
            failed.add_row(
                str(one.attempt), f"{one.at:%Y-%m-%d %H:%M:%S}", escape(one.error_code), again, str(one.position)
            )
        console.print(failed)


def _budget(budget: Budget) -> str:
    spent = f"{budget.attempts_spent} of {budget.attempts_max} are spent at this stage"
    return f"{spent}, {waits(budget.delay_first_s, budget.delay_cap_s)}"


def _agreement(said: Explanation) -> str:
    if said.same_today is None:
        return ""
    agreed = "decides the same" if said.same_today else "decides otherwise"
    return f", on which this version of dispatch {agreed}"


def _inputs(inputs: Mapping[str, Input]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in inputs.items())


def _value(value: Input) -> str:
    if value is None:
        return "not given"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _event(event: Evidence) -> str:
    time = f"{event.at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"{event.name} at position {event.position}, {time}, by {event.actor or 'nobody'}, command {event.command_id}"
    )
