"""Simulated providers over real HTTP, for demonstrations, tests and benchmarks: repeatable, and as bad as asked."""

from dispatch.adapters.providers.simulator.presets import PRESETS, preset, scenario_of
from dispatch.adapters.providers.simulator.scenario import CALM, Scenario, changed
from dispatch.adapters.providers.simulator.server import Simulator, serve
from dispatch.adapters.providers.simulator.world import Stats

__all__ = ["CALM", "PRESETS", "Scenario", "Simulator", "Stats", "changed", "preset", "scenario_of", "serve"]
