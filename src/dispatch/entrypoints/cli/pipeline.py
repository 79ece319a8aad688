"""`dispatch pipeline`: the stages in order, and what is at each now."""

from typing import Any

import rich_click as click

from dispatch.application.ports.queries import StageHealth
from dispatch.application.routes import find_routes
from dispatch.application.stages.stage import ProviderStage, RegisterStage, Stage
from dispatch.domain.retry import RetryPolicy
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table
from dispatch.entrypoints.cli.words import duration, waits

NOW = ("running", "waiting", "escalated", "completed", "failed_attempts")


@click.command()
@shared_options
@click.pass_obj
def pipeline(cli: Cli) -> None:
    """The stages in order, whether they decide alone or call a provider, how they retry, what is there; and the routes.

    Attempts and waits are those in force, with what DISPATCH_STAGES says. Without a running system the stages are shown
    alone.

    \b
    Examples:
      dispatch pipeline
      dispatch pipeline --json | jq 'select(.now.waiting > 100)'
      dispatch pipeline --json | jq 'select(.set != [])'
    """
    from dispatch.entrypoints.stage_settings import stages_in_force, stages_set
    from dispatch.entrypoints.surroundings import NotRunning

    loaded = cli.load()
    stages, fields_set = stages_in_force(loaded.settings.stages), stages_set(loaded.settings.stages)
    health: dict[str, StageHealth] | None = None
    try:
        with cli.open_app() as app:
            health = {stage.stage: stage for stage in app.queries.pipeline_health()}
    except NotRunning as nothing:
        if not cli.as_json:
            notes().print(f"The stages alone: {nothing}", markup=False, soft_wrap=True)
    if cli.as_json:
        print_lines(_as_json(stage, health, fields_set.get(stage.name, [])) for stage in stages.values())
        return
    numbers = ("running", "waiting", "escal.", "completed", "failed") if health is not None else ()
    more = (*numbers, "oldest") if health is not None else ()
    shown = table("stage", "kind", "at once", "retries", *more, right=("at once", *more))
    for stage in stages.values():
        limits = (str(stage.in_flight_max), _retries(stage.retry)) if isinstance(stage, ProviderStage) else ("", "")
        shown.add_row(stage.name, _kind(stage), *limits, *(_now(health, stage) if health is not None else ()))
    out().print(shown)
    for name, fields in fields_set.items():
        said = f"{name}: {', '.join(fields)} as {loaded.sources['stages']} says"
        out().print(said, markup=False, highlight=False, soft_wrap=True)
    for name, route in find_routes().items():
        out().print(f"{name}: {' > '.join(route.stages)}", markup=False, highlight=False, soft_wrap=True)


def _kind(stage: Stage) -> str:
    if not isinstance(stage, ProviderStage):
        return "register" if isinstance(stage, RegisterStage) else "pure"
    return "provider, acts" if stage.acts else "provider"


def _retries(policy: RetryPolicy) -> str:
    if policy.attempts_max == 1:
        return "1 attempt"
    between = waits(policy.delay_first_s, policy.delay_cap_s)
    return f"{policy.attempts_max} attempts, {between}, jitter {duration(policy.jitter_s)}"


def _now(health: dict[str, StageHealth], stage: Stage) -> list[str]:
    here = health.get(stage.name)
    if here is None:
        return ["0"] * len(NOW) + [""]
    counts = [f"{getattr(here, name):,}" for name in NOW]
    return [*counts, duration(here.oldest_age_s) if here.oldest_age_s else ""]


def _as_json(stage: Stage, health: dict[str, StageHealth] | None, fields_set: list[str]) -> dict[str, Any]:
    known: dict[str, Any] = {"stage": stage.name, "after": stage.after, "kind": _kind(stage).partition(",")[0]}
    known["set"] = fields_set
    known["routes"] = [name for name, route in find_routes().items() if stage.name in route.stages]
    if isinstance(stage, ProviderStage):
        known |= {"acts": stage.acts, "in_flight_max": stage.in_flight_max, "retry": stage.retry}
    return known | {"now": (health or {}).get(stage.name)}
