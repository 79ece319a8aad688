"""Asks OSV, the open list of known vulnerabilities, about each package that is locked; says so when it cannot be asked.

Exit codes: 0 none is known; 1 some are; 2 nobody could be asked (0 with --allow-unreachable: it is said all the same).
"""

import argparse
import shlex
import subprocess
import sys

FOUND, NOT_ASKED = 1, 2


def main() -> int:
    """Ask, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uv", default="uv", help="the uv program")
    parser.add_argument("--service-url", help="another server with OSV's API")
    parser.add_argument("--allow-unreachable", action="store_true", help="exit 0 where nobody can be asked")
    asked = parser.parse_args()
    command = [asked.uv, "audit", "--frozen", "--preview-features", "audit-command"]
    if asked.service_url:
        command += ["--service-url", asked.service_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="", flush=True)
    if done.returncode in (0, FOUND):
        return done.returncode
    print(f"NOT CHECKED for known vulnerabilities: `{shlex.join(command)}` ended with {done.returncode}, as above.")
    print("Where the list can be reached, run `make audit`.")
    return 0 if asked.allow_unreachable else NOT_ASKED


if __name__ == "__main__":
    sys.exit(main())
