"""The stages, one file each: the package finds them and orders them by `after`."""

from importlib import import_module
from pkgutil import iter_modules

from dispatch.application.stages.stage import Stage


def find_stages() -> dict[str, Stage]:
    """Every stage of this package by name, each behind the stage that it comes after.

    Raises:
        ValueError: a stage comes after one that does not exist, or two come after each other.
    """
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    waiting = {module.stage.name: module.stage for module in modules if hasattr(module, "stage")}
    ordered: dict[str, Stage] = {}
    while waiting:
        ready = [stage for stage in waiting.values() if not stage.after or stage.after in ordered]
        if not ready:
            raise ValueError(f"these stages come after no known stage, or after each other: {sorted(waiting)}")
        for stage in ready:
            ordered[stage.name] = waiting.pop(stage.name)
    return ordered
