"""The console script `dispatch`: the commands, what they share, and how every refusal is said."""

from typing import Any

import rich_click as click
from click.exceptions import Exit

from dispatch import __version__
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.lazy import LazyGroup
from dispatch.entrypoints.cli.options import data_option

HERE = "dispatch.entrypoints.cli"
COMMANDS = {
    "up": (f"{HERE}.up:up", "Run the whole system on this machine, with embedded servers."),
    "run": (f"{HERE}.run:run", "Run some of the system's roles in this process."),
    "migrate": (f"{HERE}.migrate:migrate", "Bring the database to the current schema, as its owner."),
    "batch": (f"{HERE}.batch:batch", "Upload files and see what became of them."),
    "source": (f"{HERE}.source:source", "Where rows come from by themselves: folders, files, servers, webhooks."),
    "endpoint": (f"{HERE}.endpoint:endpoint", "Who elsewhere is told what happens, by signed webhooks."),
    "job": (f"{HERE}.job:job", "See single jobs, send them on, or end them."),
    "notify": (f"{HERE}.notify:notify", "Send single messages, and see what became of them."),
    "escalation": (f"{HERE}.escalation:escalation", "What waits for a person."),
    "failures": (f"{HERE}.failures:failures", "What failed for good, in groups, and working it off."),
    "contact": (f"{HERE}.contact:contact", "The people behind addresses: erase what is known of one."),
    "privacy": (f"{HERE}.privacy:privacy", "The keys under which personal data is encrypted."),
    "profile": (f"{HERE}.profile:profile", "What kinds of file can be taken in, and making one of your own."),
    "stats": (f"{HERE}.stats:stats", "How the intake does: by the hour, by error code, and over the months."),
    "pause": (f"{HERE}.pause:pause", "Take up nothing of a stage, a provider, a batch, or everything."),
    "resume": (f"{HERE}.pause:resume", "Go on with what was paused."),
    "pauses": (f"{HERE}.pause:pauses", "What is paused, by whom, why and until when."),
    "processes": (f"{HERE}.fleet:processes", "The processes of the system, on all machines."),
    "scale": (f"{HERE}.fleet:scale", "More or fewer processes of a role, while everything runs."),
    "zone": (f"{HERE}.zone:zone", "GREEN, YELLOW or RED: how the system does, and why."),
    "view": (f"{HERE}.view:view", "The read models: how far they are, and building them anew."),
    "reconcile": (f"{HERE}.reconcile:reconcile", "Compare rows, jobs, sends and views; mend what is safe to mend."),
    "ledger": (f"{HERE}.ledger:ledger", "The audit log, and the evidence that it is as it was recorded."),
    "provider": (f"{HERE}.provider:provider", "Who is called, in which order, and how they stand."),
    "pipeline": (f"{HERE}.pipeline:pipeline", "The stages in order, their limits, and what is at each now."),
    "limits": (f"{HERE}.limits:limits", "The rate limits of what goes out and of callers, and how full they are."),
    "config": (f"{HERE}.config:config", "The settings in effect, and where each one came from."),
    "smoke": (f"{HERE}.smoke:smoke", "Short tests of an installation: its database, and the whole over HTTP."),
    "doctor": (f"{HERE}.doctor:doctor", "Check this machine and the system: what is wrong, and how to mend it."),
}


class RootGroup(LazyGroup):
    """Says every expected error as one block with exit code 1; a bug is left to be seen."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command answers
        try:
            return super().invoke(ctx)
        except (click.ClickException, Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            from dispatch.entrypoints.cli.errors import say

            if not say(error, ctx.ensure_object(Cli)):
                raise
            ctx.exit(1)


@click.group(
    cls=RootGroup,
    lazy=COMMANDS,
    name="dispatch",
    context_settings={"help_option_names": ["-h", "--help"], "obj": None},
)
@click.version_option(__version__, prog_name="dispatch")
@data_option
@click.pass_context
def dispatch(ctx: click.Context) -> None:
    """An autonomous pipeline for fixed-price service jobs: every row accounted for, every message permitted.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 a person's approval is waited for. With --json every
    answer is on stdout, a refusal too, as {"error": {"code", "what", "where", "fix"}}; remarks and progress are on
    stderr.

    \b
    Examples:
      dispatch up --demo
      dispatch batch upload jobs.csv --wait
      dispatch batch list --json
      dispatch doctor
    """
    ctx.ensure_object(Cli)


def main() -> None:
    """Run the command line of this process."""
    dispatch(prog_name="dispatch")


if __name__ == "__main__":
    main()
