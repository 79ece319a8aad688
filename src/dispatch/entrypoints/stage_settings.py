"""The setting of stages, read from TOML: attempts, waits, calls at once. The rest stays as the stage's file has it."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from dispatch.application.stages import find_stages
from dispatch.application.stages.stage import ProviderStage, Stage

DAY_S = 86_400.0
EXAMPLE = "write it as in [stages.enrich] attempts_max = 4"

Wait = Annotated[float, Meta(gt=0, le=DAY_S)]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[stages.NAME]` table. Times are seconds; what is left out keeps the stage's own value."""

    attempts_max: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    delay_first_s: Wait | None = None
    delay_cap_s: Wait | None = None
    jitter_s: Annotated[float, Meta(ge=0, le=DAY_S)] | None = None
    retry_after_cap_s: Wait | None = None
    in_flight_max: Annotated[int, Meta(ge=1, le=10_000)] | None = None


def stages_in_force(text: str) -> dict[str, Stage]:
    """Every stage by name, in order, with what the setting says of it.

    Raises:
        ValueError: says which stage or field is wrong, and what it may be.
    """
    stages = find_stages()
    return stages | {name: _with(stages[name], name, entry) for name, entry in _read(text, stages).items()}


def stages_set(text: str) -> dict[str, list[str]]:
    """Which fields of which stages the setting names. Raises ValueError."""
    entries = _read(text, find_stages())
    return {
        name: [field for field, value in asdict(entry).items() if value is not None] for name, entry in entries.items()
    }


def _read(text: str, stages: Mapping[str, Stage]) -> dict[str, _Entry]:
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"this is not TOML: {error}; {EXAMPLE}") from None
    named = tables.pop("stages", {})
    if tables or not isinstance(named, dict):
        what = f"{next(iter(tables))!r} stands outside of [stages]" if tables else "`stages` is no table"
        raise ValueError(f"{what}; {EXAMPLE}")
    return {name: _entry(name, table, stages) for name, table in named.items()}


def _entry(name: str, table: object, stages: Mapping[str, Stage]) -> _Entry:
    where, able = f"[stages.{name}]", [one.name for one in stages.values() if isinstance(one, ProviderStage)]
    if name not in stages:
        close = get_close_matches(name, able, n=1)
        fix = f"did you mean {close[0]}?" if close else f"those that can be set are {', '.join(able)}"
        raise ValueError(f"{where}: there is no such stage; {fix}")
    if name not in able:
        what = f"{name} calls nobody, so it has no attempts and no waits"
        raise ValueError(f"{where}: {what}; those that can be set are {', '.join(able)}")
    try:
        return msgspec.convert(table, _Entry)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}{_fix(table)}") from None


def _fix(table: object) -> str:
    """What a field may have been meant to be, where it is one that does not exist."""
    known = _Entry.__struct_fields__
    unknown = [field for field in table if field not in known] if isinstance(table, dict) else []
    if not unknown:
        return ""
    close = get_close_matches(unknown[0], known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _with(stage: Stage, name: str, entry: _Entry) -> Stage:
    if not isinstance(stage, ProviderStage):
        return stage
    said = {field: value for field, value in asdict(entry).items() if value is not None}
    in_flight_max = said.pop("in_flight_max", stage.in_flight_max)
    retry = replace(stage.retry, **said)
    if retry.delay_first_s > retry.delay_cap_s:
        what = f"the first wait of {retry.delay_first_s:g} s is longer than the longest, {retry.delay_cap_s:g} s"
        raise ValueError(f"[stages.{name}]: {what}; set delay_cap_s too, to {retry.delay_first_s:g} or more")
    return replace(stage, retry=retry, in_flight_max=in_flight_max)
