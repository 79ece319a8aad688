"""`dispatch escalation`: what waits for a person."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (f"{HERE}.escalation_list:list_escalations", "Jobs before a person, the most urgent first."),
        "next": (f"{HERE}.escalation_work:next_one", "The most urgent one that nobody has: what it is, and why."),
        "assign": (f"{HERE}.escalation_work:assign", "Give one to somebody, or take it yourself."),
        "snooze": (f"{HERE}.escalation_work:snooze", "Let nobody be reminded of one for a while."),
        "retry": (f"{HERE}.escalation_work:retry", "Send one on, and show the next."),
        "cancel": (f"{HERE}.escalation_work:cancel", "End one, and show the next."),
    },
)
def escalation() -> None:
    """What waits for a person, since when, and who has it.

    A job that nobody answers goes one level up after DISPATCH_ESCALATION_MINUTES: from operations to engineering, and
    then to leadership. It is HIGH after 24 hours and CRITICAL after 48.

    \b
    Examples:
      dispatch escalation list
      dispatch escalation next
      dispatch escalation assign 3f2b8c1e:7 --to eve
      dispatch escalation retry 3f2b8c1e:7
    """
