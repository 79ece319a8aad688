"""A provider that comes and goes: up for so long, down for so long, over and over from a moment that the seed draws."""

from dispatch.adapters.providers.simulator.fates import Draw
from dispatch.adapters.providers.simulator.scenario import Scenario


def up_in_s(scenario: Scenario, elapsed_s: float) -> float:
    """So many seconds until it is up, this long after it began; 0 where it is."""
    if not scenario.flap_down_s:
        return 0.0
    period_s = scenario.flap_up_s + scenario.flap_down_s
    at_s = (elapsed_s + Draw(scenario.seed, "flap", "").share(0) * period_s) % period_s
    return 0.0 if at_s < scenario.flap_up_s else period_s - at_s
