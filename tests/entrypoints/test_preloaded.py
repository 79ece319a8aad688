"""What role processes are forked from has loaded what they need: an import in each of them is paid nine times."""

import subprocess
import sys
import textwrap

import pytest

from end_to_end.running import environment
from servers import application_url

START = """
import os, sys
from dispatch.entrypoints.supervisor import preloaded
before = set(sys.modules)
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.http.app import create_http
from dispatch.entrypoints.roles import ROLES, find_role
from dispatch.entrypoints.settings import load_settings
app = open_app(load_settings(os.environ).settings)
app.migrate()
app.queries.batches(limit=1)
for role in ROLES:
    find_role(role)
print(*sorted(name for name in set(sys.modules) - before if name.startswith(("dispatch.", "sqlalchemy.", "psycopg"))))
app.close()
"""


@pytest.mark.postgres
def test_a_role_finds_its_modules_loaded(tmp_path, empty_url):
    environ = environment(
        data=str(tmp_path),
        database_url=application_url(empty_url),
        database_owner_url=empty_url,
        nats_url="nats://127.0.0.1:1",
    )
    subprocess.run([sys.executable, "-m", "dispatch.entrypoints.cli.main", "migrate"], env=environ, check=True)
    environ.pop("DISPATCH_DATABASE_OWNER_URL")
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(START)], env=environ, check=True, capture_output=True, text=True
    )
    assert ran.stdout.split() == []
