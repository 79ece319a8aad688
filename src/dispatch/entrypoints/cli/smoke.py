"""`dispatch smoke`: is this installation what it must be? Short tests of the database, and of the whole."""

from collections.abc import Callable
from typing import Any, TypeVar

import rich_click as click
from rich.text import Text

from dispatch.application.smoke import Case
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.lazy import LazyGroup
from dispatch.entrypoints.cli.output import out, print_json

HERE = "dispatch.entrypoints.cli"
F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    cls=LazyGroup,
    lazy={
        "schema": (f"{HERE}.smoke_schema:schema", "Seven cases at the database itself; nothing stays."),
        "e2e": (f"{HERE}.smoke_e2e:e2e", "Three files over HTTP, from upload to the end."),
    },
)
def smoke() -> None:
    """Short tests of an installation: of its database from within, and of the whole over HTTP.

    \b
    Examples:
      dispatch smoke schema
      dispatch smoke schema --env prod
      dispatch smoke e2e --url https://dispatch.example.org
    """


def _set_environment(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value:
        ctx.ensure_object(Cli).environment = value


def env_option(command: F) -> F:
    """`--env NAME`: whose settings are used."""
    return click.option(
        "--env",
        metavar="NAME",
        expose_value=False,
        is_eager=True,
        callback=_set_environment,
        help="The settings of .env.NAME here, and no others.",
    )(command)


def answer(cli: Cli, cases: list[Case], **known: str) -> int:
    """One line a case, and the sum; answers how many failed."""
    passed = sum(case.passed for case in cases)
    if cli.as_json:
        facts = {"environment": cli.environment, **known, "passed": passed, "cases": cases}
        print_json(facts)
        return len(cases) - passed
    console, width = out(), max((len(case.name) for case in cases), default=0)
    for case in cases:
        word, style = ("pass", "green") if case.passed else ("FAIL", "bold red")
        line = Text.assemble((word, style), f"  {case.name.ljust(width)}  {case.took_ms:>8,.1f} ms  {case.says}")
        console.print(line, soft_wrap=True)
    console.print(Text(f"{passed}/{len(cases)} passed", "bold green" if passed == len(cases) else "bold red"))
    return len(cases) - passed
