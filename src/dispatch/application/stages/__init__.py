"""The stages, one file each: the package finds them and orders them by `after`. A route may bring some of its own."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from dispatch.application.stages.stage import Stage

ROUTES = "dispatch.application.routes"


def find_stages() -> dict[str, Stage]:
    """Every stage of this package and of the routes by name, each behind the stage that it comes after.

    Raises:
        ValueError: a stage comes after one that does not exist, two come after each other, or two have one name.
    """
    stages = [module.stage for module in _modules(__name__) if hasattr(module, "stage")]
    stages += [stage for module in _modules(ROUTES) if hasattr(module, "route") for stage in module.route.own]
    waiting: dict[str, Stage] = {stage.name: stage for stage in stages}
    if len(waiting) < len(stages):
        raise ValueError(f"two stages have one name: {sorted(stage.name for stage in stages)}")
    ordered: dict[str, Stage] = {}

    def follow(after: str) -> None:
        """Those that come after this one, each with what comes after it: the way of one route stays together.

        What ends a way goes before the longer way, so that a stage stands near the one it was put behind.
        """
        here = [stage for stage in waiting.values() if stage.after == after]
        for stage in sorted(here, key=lambda stage: bool(after) and any(one.after == stage.name for one in stages)):
            ordered[stage.name] = waiting.pop(stage.name)
            follow(stage.name)

    follow("")
    if waiting:
        raise ValueError(f"these stages come after no known stage, or after each other: {sorted(waiting)}")
    return ordered


def _modules(package: str) -> Iterator[ModuleType]:
    """Its modules. By name: routes are made of stages, so this file must not import them when it is loaded."""
    return (import_module(f"{package}.{found.name}") for found in iter_modules(import_module(package).__path__))
