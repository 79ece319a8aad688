"""`dispatch doctor`: is everything here that the system needs, and does it keep its promises?"""

import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.text import Text

from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.examination import Finding, Level, examine
from dispatch.entrypoints.cli.options import shared_options
from dispatch.entrypoints.cli.output import out, print_json

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
EXIT_CODES = {Level.OK: 0, Level.WARN: 1, Level.FAIL: 2}


@click.command()
@shared_options
@click.pass_obj
def doctor(cli: Cli) -> None:
    """Check this machine and the system: what is well, what is not, and how to mend it.

    Exit codes: 0 all is well, 1 something is to be looked at, 2 something is broken.

    \b
    Examples:
      dispatch doctor
      dispatch doctor --json | jq '.findings[] | select(.level != "ok")'
    """
    findings = examine(cli)
    worst = max((finding.level for finding in findings), key=EXIT_CODES.__getitem__)
    if cli.as_json:
        print_json({"level": worst, "findings": findings})
    else:
        _show(out(), findings)
    raise Exit(EXIT_CODES[worst])


def _show(console: Console, findings: list[Finding]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        line = Text.assemble(
            (f"{finding.level.value:<5}", STYLES[finding.level]), f"{finding.name.ljust(width)}  {finding.found}"
        )
        if finding.fix:
            line.append(f"\n{' ' * (width + 7)}fix: {finding.fix}", "dim")
        console.print(line, soft_wrap=True)
