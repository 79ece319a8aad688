"""The command line as a whole: quick help, examples everywhere, exit codes, one block per error."""

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from dispatch import __version__
from dispatch.entrypoints.cli.lazy import LazyGroup, load_command
from dispatch.entrypoints.cli.main import dispatch

HEAVY = ("psycopg", "sqlalchemy", "litestar", "nats", "eventsourcing", "phonenumbers", "email_validator", "alembic")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(dispatch))
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


def process(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dispatch.entrypoints.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=60)


@pytest.mark.parametrize("arguments", [["--help"], ["batch", "--help"], ["job", "--help"], ["view", "--help"]], ids=str)
def test_help_imports_nothing_heavy(arguments: list[str]):
    code = f"""
import sys
from dispatch.entrypoints.cli.main import dispatch
dispatch({arguments}, prog_name="dispatch", standalone_mode=False)
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "Usage: dispatch" in done.stdout
    assert done.stderr.strip() == "[]"


def test_every_listed_command_exists_and_has_its_line():
    groups = [(path, group) for path, group in [((), dispatch), *ALL.items()] if isinstance(group, LazyGroup)]
    for path, group in groups:
        for name, (place, line) in group.lazy.items():
            assert load_command(place).name == name, path
            assert 10 < len(line) < 80, line
            assert line.endswith(".")


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_examples_that_exist(path: tuple[str, ...]):
    help_text = ALL[path].help or ""
    _, _, examples = help_text.partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines
    assert all("dispatch" in line for line in lines)
    assert any(" ".join(("dispatch", *path)) in line for line in lines)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_answers_in_json_when_asked(path: tuple[str, ...]):
    options = {option for parameter in LEAVES[path].params for option in parameter.opts}
    assert "--data" in options
    assert ("--json" in options) is (path != ("run",))  # A role answers nobody: it logs, in JSON.


def test_the_version():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"dispatch, version {__version__}\n")


@pytest.mark.parametrize("arguments", [["nothing"], ["batch", "list", "--limit", "0"], ["batch", "show"]], ids=str)
def test_wrong_usage_ends_with_2(arguments: list[str]):
    done = process(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: dispatch" in done.stderr


def test_no_system_is_one_block_and_1(tmp_path):
    done = process("batch", "list", DISPATCH_DATA=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error not_running\n")
    assert "fix    start one with `dispatch up`" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_json_a_refusal_is_on_stdout(tmp_path):
    done = process("batch", "list", "--json", DISPATCH_DATA=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"code", "what", "where", "fix"}
    assert error["code"] == "not_running"


def test_a_postgres_that_does_not_answer_is_one_block_without_its_password(tmp_path):
    url = "postgresql://ann:hidden@127.0.0.1:1/dispatch"
    done = process("batch", "list", DISPATCH_DATA=str(tmp_path), DISPATCH_DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("error postgres_unreachable\n")
    assert "ann:********@127.0.0.1:1" in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_at_log_level_debug_the_traceback_comes_too(tmp_path):
    done = process("batch", "list", DISPATCH_DATA=str(tmp_path), DISPATCH_LOG_LEVEL="debug")
    assert "Traceback" in done.stderr
    assert "error not_running\n" in done.stderr


def test_a_setting_that_does_not_exist_is_named(tmp_path):
    done = process("config", DISPATCH_DATA=str(tmp_path), DISPATCH_WORKRES="3")
    assert done.returncode == 1
    assert done.stderr.startswith("error setting_invalid\n")
    assert "where  DISPATCH_WORKRES\n" in done.stderr


def test_colours_only_for_who_wants_them(tmp_path):
    forced = process("config", DISPATCH_DATA=str(tmp_path), FORCE_COLOR="1")
    plain = process("config", DISPATCH_DATA=str(tmp_path), FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b[2m" in forced.stdout
    assert not [code for code in ("\x1b[3", "\x1b[9") if code in plain.stdout]


def test_an_answer_that_nobody_reads_to_its_end_is_no_error(tmp_path):
    command = f"{sys.executable} -m dispatch.entrypoints.cli.main pipeline --json | head -n 1"
    environ = {"DISPATCH_DATA": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, env=environ, timeout=60
    )
    assert json.loads(done.stdout)["stage"] == "validate"
    assert "Traceback" not in done.stderr
