"""Which zone some measures are in.

Acceptance 0.16 to 0.18 count workflows at once: up to 4 are safe, 5 to 7 and 8 or more are not. Those are the limits of
`batches`, which is shown and decides nothing by itself: a system that keeps up is well with any number of batches. What
decides is how far it is behind, how old its oldest work is, and how much fails.
"""

from collections.abc import Iterable, Mapping

import msgspec

from dispatch.domain.zone.events import Measure, Reading, Zone


class Limits(msgspec.Struct, frozen=True):
    """From here on a measure is yellow, from there on red."""

    yellow: float
    red: float


DEFAULT: Mapping[Measure, Limits] = {
    Measure.LAG_S: Limits(10, 60),
    Measure.AGE_S: Limits(300, 1800),
    Measure.ERRORS_PERCENT: Limits(10, 30),
    Measure.BATCHES: Limits(5, 8),
}
SHOWN_ONLY = frozenset({Measure.BATCHES})
SEVERITY = {Zone.GREEN: 0, Zone.YELLOW: 1, Zone.RED: 2}


def read(values: Mapping[Measure, float], limits: Mapping[Measure, Limits]) -> tuple[Reading, ...]:
    """Each value with its zone; a limit that is reached counts as passed."""
    return tuple(_reading(measure, values[measure], limits[measure]) for measure in Measure if measure in values)


def worst(readings: Iterable[Reading]) -> Zone:
    """The zone of the whole: that of the measure that does worst among those that decide."""
    return max((reading.zone for reading in deciding(readings)), key=SEVERITY.__getitem__, default=Zone.GREEN)


def deciding(readings: Iterable[Reading], *zones: Zone) -> list[Reading]:
    """Those that decide on the zone of the whole; of these zones only, where some are named."""
    return [one for one in readings if one.measure not in SHOWN_ONLY and (not zones or one.zone in zones)]


def _reading(measure: Measure, value: float, limits: Limits) -> Reading:
    zone = Zone.RED if value >= limits.red else Zone.YELLOW if value >= limits.yellow else Zone.GREEN
    return Reading(measure=measure, value=value, zone=zone, yellow=limits.yellow, red=limits.red)
