"""The simulator as a process: python -m dispatch.adapters.providers.simulator --port 0 --scenario demo."""

import argparse
import sys

from dispatch.adapters.providers.simulator.presets import PRESETS, scenario_of
from dispatch.adapters.providers.simulator.scenario import Scenario, changed
from dispatch.adapters.providers.simulator.server import Simulator


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; the first line on stdout says where."""
    parser = argparse.ArgumentParser(prog="python -m dispatch.adapters.providers.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument(
        "--scenario", default="calm", metavar="NAME|FILE.toml", help=f"{', '.join(PRESETS)}, or a TOML file of fields"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help=f"change a field of the scenario, repeatedly: {', '.join(Scenario.__struct_fields__)}",
    )
    arguments = parser.parse_args()
    try:
        scenario = changed(scenario_of(arguments.scenario), dict(_pair(text) for text in arguments.set))
        simulator = Simulator(scenario, arguments.host, arguments.port)
    except (OSError, ValueError, OverflowError) as error:
        parser.error(str(error))
    sys.stdout.write(f"listening on {simulator.base_url}\n")
    sys.stdout.flush()
    simulator.run()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set wants FIELD=VALUE, like --set garbage=0.1, not {text!r}")
    return name, value


if __name__ == "__main__":
    main()
