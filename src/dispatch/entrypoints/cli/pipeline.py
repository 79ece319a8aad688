"""`dispatch pipeline`: the stages in order, and what is at each now."""

from typing import Any

import rich_click as click

from dispatch.application.ports.queries import StageHealth
from dispatch.application.routes import find_routes
from dispatch.application.stages import find_stages
from dispatch.application.stages.stage import ProviderStage, RegisterStage, Stage
from dispatch.domain.retry import RetryPolicy
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import notes, out, print_lines, table
from dispatch.entrypoints.cli.words import duration

NOW = ("running", "waiting", "escalated", "completed", "failed_attempts")


@click.command()
@shared_options
@click.pass_obj
def pipeline(cli: Cli) -> None:
    """The stages in order, whether they decide alone or call a provider, how they retry, what is there; and the routes.

    Without a running system the stages are shown alone.

    \b
    Examples:
      dispatch pipeline
      dispatch pipeline --json | jq 'select(.now.waiting > 100)'
    """
    from dispatch.entrypoints.surroundings import NotRunning

    stages = find_stages()
    health: dict[str, StageHealth] | None = None
    try:
        with cli.open_app() as app:
            health = {stage.stage: stage for stage in app.queries.pipeline_health()}
    except NotRunning as nothing:
        if not cli.as_json:
            notes().print(f"The stages alone: {nothing}", markup=False, soft_wrap=True)
    if cli.as_json:
        print_lines(_as_json(stage, health) for stage in stages.values())
        return
    numbers = ("running", "waiting", "escal.", "completed", "failed") if health is not None else ()
    more = (*numbers, "oldest") if health is not None else ()
    shown = table("stage", "kind", "at once", "retries", *more, right=("at once", *more))
    for stage in stages.values():
        limits = (str(stage.in_flight_max), _retries(stage.retry)) if isinstance(stage, ProviderStage) else ("", "")
        shown.add_row(stage.name, _kind(stage), *limits, *(_now(health, stage) if health is not None else ()))
    out().print(shown)
    for name, route in find_routes().items():
        out().print(f"{name}: {' > '.join(route.stages)}", markup=False, highlight=False, soft_wrap=True)


def _kind(stage: Stage) -> str:
    if not isinstance(stage, ProviderStage):
        return "register" if isinstance(stage, RegisterStage) else "pure"
    return "provider, acts" if stage.acts else "provider"


def _retries(policy: RetryPolicy) -> str:
    first, cap = duration(policy.delay_first_s), duration(policy.delay_cap_s)
    return f"{policy.attempts_max} attempts, {first} doubling to {cap}, jitter {duration(policy.jitter_s)}"


def _now(health: dict[str, StageHealth], stage: Stage) -> list[str]:
    here = health.get(stage.name)
    if here is None:
        return ["0"] * len(NOW) + [""]
    counts = [f"{getattr(here, name):,}" for name in NOW]
    return [*counts, duration(here.oldest_age_s) if here.oldest_age_s else ""]


def _as_json(stage: Stage, health: dict[str, StageHealth] | None) -> dict[str, Any]:
    known: dict[str, Any] = {"stage": stage.name, "after": stage.after, "kind": _kind(stage).partition(",")[0]}
    known["routes"] = [name for name, route in find_routes().items() if stage.name in route.stages]
    if isinstance(stage, ProviderStage):
        known |= {"acts": stage.acts, "in_flight_max": stage.in_flight_max, "retry": stage.retry}
    return known | {"now": (health or {}).get(stage.name)}
