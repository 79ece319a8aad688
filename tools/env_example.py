"""Writes .env.example from the settings' struct; with --check says whether it is current.

Exit codes: 0 written or current; 1 with --check, stale.
"""

import argparse
import sys
from pathlib import Path

import msgspec
from settings_reference import meanings

from dispatch.entrypoints.settings import PREFIX, SECRETS, Settings

FILE = Path(__file__).resolve().parent.parent / ".env.example"
HEAD = """\
# Copy this to .env and keep .env out of version control. Written by tools/env_example.py from the settings.
# docker compose reads .env by itself; without containers: set -a; . ./.env; set +a; dispatch run api

# For docker compose. Letters and digits only (they become part of URLs), for instance from: openssl rand -hex 24
# The first is of the database's owner, who only prepares it; the second of the user that the system works as.
POSTGRES_PASSWORD=
APPLICATION_PASSWORD=
NATS_PASSWORD=
# Port on this machine for the API.
#API_PORT=8080

# The demo simulates the providers. With providers of your own remove COMPOSE_PROFILES and name theirs.
COMPOSE_PROFILES=demo
"""
DEMO = dict.fromkeys(("contact_finder_url", "email_verifier_url", "notifier_url"), "http://simulator:8090")
"""What the demo sets; everything else stands there commented out, with its default."""


def text() -> str:
    """The whole file."""
    told = meanings()
    parts = [HEAD]
    for field in msgspec.structs.fields(Settings):
        variable = PREFIX + field.name.upper()
        secret = f" Secret: better {variable}_FILE, the path of a file that holds it." if field.name in SECRETS else ""
        line = f"{variable}={DEMO[field.name]}" if field.name in DEMO else f"#{variable}={field.default}"
        parts.append(f"# {told[field.name]}{secret}\n{line}\n")
    return "\n".join(parts)


def main() -> int:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is stale")
    if parser.parse_args().check:
        if FILE.is_file() and FILE.read_text(encoding="utf-8") == text():
            return 0
        print(f"{FILE.name} is stale: run tools/env_example.py", file=sys.stderr)
        return 1
    FILE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
