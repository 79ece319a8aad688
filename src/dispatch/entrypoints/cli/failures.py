"""`dispatch failures`: what failed for good, in groups, and working it off."""

import rich_click as click

from dispatch.entrypoints.cli.lazy import LazyGroup

HERE = "dispatch.entrypoints.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (f"{HERE}.failures_show:list_failures", "The groups, those with most open jobs first."),
        "show": (f"{HERE}.failures_show:show", "One group and its open dead letters."),
        "retry": (f"{HERE}.failures_replay:retry", "Send the jobs of a group on: their stage is tried anew."),
        "drop": (f"{HERE}.failures_replay:drop", "Cancel the jobs of a group that were not sent."),
        "archive": (f"{HERE}.failures_replay:archive", "Put the jobs of a group aside for good, sent or not."),
        "reroute": (f"{HERE}.failures_replay:reroute", "Have the jobs of a group go on at another stage."),
        "replay": (f"{HERE}.failures_report:replay", "How far a replay is, and its report."),
        "replays": (f"{HERE}.failures_report:replays", "The replays, the newest first."),
        "stop": (f"{HERE}.failures_report:stop", "Do nothing more of a replay."),
    },
)
def failures() -> None:
    """What failed for good, in groups, and working it off.

    A group is jobs that failed at the same stage and provider with the same code and message. FINGERPRINT is the name
    of a group, or a unique beginning of it. What is done to many jobs at once is a replay, with a report of each.

    \b
    Examples:
      dispatch failures list
      dispatch failures show 3f2b8c
      dispatch failures retry 3f2b8c --dry-run
      dispatch failures retry 3f2b8c --rate 20 --reason "the provider is well again"
      dispatch failures archive --stage confirm --since 2026-11-23 --reason "told by phone"
    """
