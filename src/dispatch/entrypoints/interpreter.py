"""How Python itself is set in every process that does work; `benchmarks` sets it so for everyone who is measured."""

import gc
import sys

SWITCH_INTERVAL_S = 5e-5
"""With the default 5 ms a thread that waits for a socket waits for the encoder of another as well."""
SWITCH_INTERVAL_OF_SENDER_S = 1e-3
"""A process that only sends webhooks: the threads of its HTTP client hand over each answer, and switching costs more
(a sixth of its processor time) than waiting."""
COLLECT_AFTER = (50_000, 20, 100)
"""A chunk of 500 jobs makes some 30,000 objects that die with it and hold no cycles; by default the collector looks
through them forty times, which takes as long as decoding them."""


def tune_interpreter(*, is_sender: bool = False) -> None:
    """Switch threads sooner and collect garbage later. What is loaded by now is never looked at again."""
    sys.setswitchinterval(SWITCH_INTERVAL_OF_SENDER_S if is_sender else SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
