"""What a route is: the stages that a job passes, and the message that is sent at the end of it."""

from collections.abc import Callable

import msgspec

from dispatch.application.ports.providers import Channel, Message
from dispatch.application.stages.stage import Stage, Task
from dispatch.domain.job.state import Job


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route.

    A profile names it (`route = "company-outreach"`); a job keeps the names of its stages as they were when it opened.
    `own` are stages that only this route has and that stand in its file; others are files in `stages/`.
    `refused` are the addresses, in lower case, of recipients who were refused: none of them is written to again.
    `is_for` says whose message it writes, from what a job knows: routes change, and jobs keep theirs.
    """

    name: str
    stages: tuple[str, ...]
    own: tuple[Stage, ...] = ()
    is_for: Callable[[Job], bool]
    message: Callable[[Task], Message]
    channel: Callable[[Job], Channel]
    refused: Callable[[Job], frozenset[str]] = lambda _: frozenset()
