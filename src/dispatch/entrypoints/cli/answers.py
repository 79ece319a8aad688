"""What a command says that turned one thing: what was recorded, or that it was so already."""

from collections.abc import Sequence

from dispatch.domain.events import Event, event_name
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.output import out, print_json


def say_turned(cli: Cli, kind: str, name: str, done: str, *, is_new: bool) -> None:
    """What became of something that goes by its name, such as a source."""
    if cli.as_json:
        print_json({"name": name, "recorded": is_new})
    else:
        out().print(f"{kind} {name} {done}{'' if is_new else ' already'}.", markup=False)


def say_recorded(cli: Cli, job_id: str, events: Sequence[Event], done: str, before: str) -> None:
    """What was recorded about a job: `done`, or `before` where nothing was, because it was so already."""
    if cli.as_json:
        print_json({"job_id": job_id, "recorded": [event_name(event) for event in events]})
    else:
        out().print(f"Job {job_id} {done if events else before}.", soft_wrap=True)
