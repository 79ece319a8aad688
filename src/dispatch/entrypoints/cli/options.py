"""Options that many commands have."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from dispatch.application.moment import parse_time
from dispatch.entrypoints.cli.context import Cli

F = TypeVar("F", bound=Callable[..., Any])


def _set_data(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Cli).data = value


def _set_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Cli).as_json = True


data_option = click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    expose_value=False,
    is_eager=True,
    callback=_set_data,
    help="Data folder of the system to talk to (DISPATCH_DATA; .data).",
)
json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_json,
    help="Answer in JSON on stdout: one object, or one a line.",
)


def as_time(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """The callback of an option that is a moment in ISO 8601, in UTC where it does not say."""
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


reason_option = click.option("--reason", metavar="TEXT", default="", help="Why; kept in the ledger: no personal data.")


def shared_options(command: F) -> F:
    """`--json` and `--data`, which every command has."""
    return json_option(data_option(command))


def limit_option(default: int) -> Callable[[F], F]:
    """`--limit N`: how many rows at most."""
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(1, 10_000),
        default=default,
        show_default=True,
        help="At most N.",
    )
