"""The roles that a process can play; `dispatch up` runs them all, a deployment spreads them out."""

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from dispatch.entrypoints.roles.context import RoleContext

Role = Callable[[RoleContext], Coroutine[Any, Any, None]]

ROLES = (
    "api",
    "intake",
    "worker",
    "relay",
    "publisher",
    "timers",
    "sources",
    "projector",
    "sealer",
    "outbox",
    "webhooks",
)


def find_role(name: str) -> Role:
    """The coroutine function of a role. Raises KeyError for an unknown one."""
    if name not in ROLES:
        raise KeyError(f"there is no role {name!r}; known: {', '.join(ROLES)}")
    role: Role = import_module(f"{__name__}.{name}").run
    return role
