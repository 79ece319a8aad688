"""Writes docs/reference/cli.md from the commands themselves; with --check says whether it is current.

Exit codes: 0 written or current; 1 with --check, stale.
"""

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dispatch.entrypoints.cli.main import dispatch

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """# The command line

Written by `tools/cli_reference.py` from the commands; `dispatch COMMAND --help` says the same.

- Tables and answers are on stdout, remarks and progress on stderr. `NO_COLOR` is honoured.
- With `--json` a command that shows one thing prints one object, one that lists prints one object a line (NDJSON).
- Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 a person's approval is waited for.
  `dispatch doctor`: 0 well, 1 to be looked at, 2 broken.
- Every expected error is one block of code, what, where and fix, on stderr; with `--json` it is
  `{"error": {"code": ..., "what": ..., "where": ..., "fix": ...}}` on stdout, so that stdout always holds the answer.
- With `DISPATCH_LOG_LEVEL=debug` an error's traceback comes too, on stderr.
- A batch is named by its id or a unique beginning of it; a job also as `BATCH:ROW`, by the number of its data row.
"""


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, in the order of their lists; one whose module is not there is left out."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from commands(found, (*path, name))


def section(path: tuple[str, ...], command: click.Command) -> str:
    """The page's part about one command."""
    context = click.Context(command, info_name=" ".join(path))
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\nExamples:\n")
    usage = " ".join([" ".join(path), *command.collect_usage_pieces(context)])
    lines = [f"{'#' * (len(path) + 1)} {' '.join(path)}", "", text.strip(), "", f"    {usage}", ""]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        lines += ["| option | what it does |", "|---|---|", *(_option(option, context) for option in options), ""]
    lines += ["```sh", *(line.strip() for line in examples.splitlines() if line.strip()), "```", ""]
    return "\n".join(lines)


def page() -> str:
    """The whole page."""
    parts = [section(path, command) for path, command in commands(dispatch, ("dispatch",))]
    return "\n".join([HEAD, *parts]).rstrip() + "\n"


def _option(option: click.Option, context: click.Context) -> str:
    names = " / ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = "" if option.is_flag else f" `{option.make_metavar(context)}`".replace("|", "\\|")
    default = option.default if option.show_default and not option.is_flag else None
    told = f" Default: {default}." if default is not None else ""
    return f"| {names}{metavar} | {(option.help or '').replace('|', chr(92) + '|')}{told} |"


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    if parser.parse_args().check:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        print(f"{PAGE.name} is stale: run tools/cli_reference.py", file=sys.stderr)
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
