"""The answer of `dispatch batch upload --dry-run`, for people."""

from rich.console import Console
from rich.text import Text

from dispatch.application.intake.forecast import Estimate, Forecast, WouldBe
from dispatch.application.ports.queries import RowErrorRow
from dispatch.domain.money import pounds
from dispatch.entrypoints.cli.output import facts, refusals_table, table
from dispatch.entrypoints.cli.words import duration, size

EXIT_CODES = {WouldBe.REJECTED: 1, WouldBe.AWAITING_APPROVAL: 3}
"""As `--wait` would end; 0 for every other answer."""

VERDICTS = {
    WouldBe.NOTHING: ("Nothing would be done", "cyan"),
    WouldBe.REJECTED: ("The whole file would be rejected", "red"),
    WouldBe.AWAITING_APPROVAL: ("The batch would wait for a person's approval", "yellow"),
    WouldBe.ADMITTED: ("The batch would be admitted", "green"),
}


def render_forecast(forecast: Forecast, console: Console) -> None:
    """Print what a file would come to."""
    verdict, colour = VERDICTS[forecast.would_be]
    line = f"{verdict}{f': {forecast.reason}' if forecast.reason else ''}. This was a dry run: nothing was written."
    console.print(Text(line, style=f"bold {colour}"), soft_wrap=True)
    if forecast.same_file is not None:
        same = forecast.same_file
        first = f"{same.file_name}, by {same.received_by or 'nobody named'}, {same.received_at.isoformat()}"
        console.print(f"The file is batch {same.batch_id[:8]} already ({first}).", markup=False, soft_wrap=True)
        console.print("What running it again would do: add --force", markup=False)
        return
    console.print(facts(_facts(forecast)), soft_wrap=True)
    if forecast.first_errors:
        errors = [
            RowErrorRow(
                batch_id="",
                row=error.row,
                line=error.line,
                column=error.column,
                code=error.code.value,
                found=error.found,
                expected=error.expected,
                fix=error.fix,
            )
            for error in forecast.first_errors
        ]
        console.print(refusals_table(errors, title=f"the first {len(errors)} refused values"))
    if forecast.gate:
        _gate(forecast, console)
    if forecast.calls:
        _calls(forecast, console)
    if forecast.estimate is not None:
        console.print(_estimate(forecast.estimate), markup=False, soft_wrap=True)


def _facts(forecast: Forecast) -> dict[str, str]:
    codes = ", ".join(f"{count:,} {code}" for code, count in forecast.errors_by_code.items())
    budget = f"{forecast.error_rate_percent:.1f}% of {forecast.error_threshold_percent}%"
    return {
        "file": f"{size(forecast.file_bytes)}, sha-256 {forecast.file_hash}",
        "rows": f"{forecast.rows:,}: {forecast.accepted:,} accepted, {forecast.rejected:,} refused,"
        f" {forecast.duplicates:,} twice in the file",
        "refused": codes or "nothing",
        "budget": f"{budget}: {'holds' if forecast.budget_holds else 'is broken'}",
        "value": f"{pounds(forecast.value_pence)} of the accepted rows",
        "known": f"{forecast.known_references:,} references were brought by an earlier batch",
        "jobs": f"{forecast.jobs:,}: {forecast.allowed:,} may be written to, {forecast.blocked:,} would be blocked",
    }


def _gate(forecast: Forecast, console: Console) -> None:
    shown = table("consent gate", "rule", "reason", "channel", "rows", right=("rows",))
    for count in forecast.gate:
        answer = "allowed" if count.allowed else "blocked"
        shown.add_row(answer, count.rule, count.reason, count.channel.value, f"{count.rows:,}")
    console.print(shown)


def _calls(forecast: Forecast, console: Console) -> None:
    shown = table("provider calls", "stage", "calls", "a call", "cost", right=("calls", "a call", "cost"))
    for stage in forecast.calls:
        price = "no price set" if stage.price_pence is None else f"{stage.price_pence:g}p"
        shown.add_row(stage.provider, stage.stage, f"{stage.calls:,}", price, _money(stage.cost_pence))
    if forecast.cost_pence is not None:
        shown.add_section()
        shown.add_row("together", "", "", "", _money(forecast.cost_pence))
    console.print(shown)


def _money(pence: float | None) -> str:
    return "" if pence is None else pounds(round(pence))


def _estimate(estimate: Estimate) -> str:
    if estimate.seconds is None:
        return "How long it would take: no measurements yet; they come with the first batches that end."
    pace = estimate.pace
    measured = f"{pace.rows_per_s:,.0f} rows/s and {pace.jobs_per_s:,.1f} jobs/s on {pace.batches} recent batches"
    ahead = f", {estimate.jobs_ahead:,} jobs of others ahead" if estimate.jobs_ahead else ""
    return f"All jobs would have ended after about {duration(estimate.seconds)} ({measured}{ahead})."
