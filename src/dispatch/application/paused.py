"""What an explanation of a job says when the job waits because somebody has paused something."""

from collections.abc import Mapping

from msgspec.structs import replace

from dispatch.application.explanation import Explanation
from dispatch.application.ports.gates import Gate, gate_key
from dispatch.domain.control.events import PauseScope
from dispatch.domain.job.state import AT_A_STAGE

CODE = "paused"


def paused(explained: Explanation, closed: Mapping[str, Gate]) -> Explanation:
    """The same explanation, unless the job's stage or batch is paused: then by whom, since when, and what opens it."""
    if explained.status not in AT_A_STAGE:
        return explained
    asked = {
        "all": gate_key(PauseScope.EVERYTHING),
        f"stage {explained.stage}": gate_key(PauseScope.STAGE, explained.stage),
        f"batch {explained.batch_id}": gate_key(PauseScope.BATCH, explained.batch_id),
    }
    for target, key in asked.items():
        if (gate := closed.get(key)) is not None:
            until = gate.until.isoformat() if gate.until else None
            return replace(
                explained,
                why=f"{gate.by} has paused {target}" + (f": {gate.reason}" if gate.reason else ""),
                next=f"{f'it goes on at {until}, or' if until else 'it goes on'} after `dispatch resume {target}`",
                rule="what is paused is not taken up",
                code=CODE,
                inputs={"by": gate.by, "since": gate.since.isoformat(), "until": until},
                until=gate.until,
                same_today=None,
            )
    return explained
