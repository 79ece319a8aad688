"""The deployment files by rules: no container engine is needed to see that they fit the code."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from dispatch.adapters.embedded.nats import find_program
from dispatch.entrypoints.cli.main import dispatch
from dispatch.entrypoints.roles import ROLES
from dispatch.entrypoints.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ROLE_SERVICES = {name: service for name, service in OURS.items() if service["command"][0] == "run"}
SETTINGS = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}


def example(text: str = ENV_EXAMPLE) -> dict[str, str]:
    """The assignments of .env.example, those in comments too."""
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


@pytest.mark.acceptance("4.01", part="full stack by compose")
def test_the_full_stack_is_described():
    roles = {"api", "intake", "worker", "relay", "followers", "webhooks", "projector"}
    assert set(SERVICES) == {"postgres", "nats", "migrate", "simulator", *roles}
    assert set(ROLE_SERVICES) == roles
    assert SERVICES["simulator"]["profiles"] == ["demo"]
    assert not any("profiles" in service for name, service in SERVICES.items() if name != "simulator")


@pytest.mark.parametrize("name", ROLE_SERVICES)
def test_a_services_command_is_one_of_the_command_line(name: str):
    command = ROLE_SERVICES[name]["command"]
    assert command[0] == "run"
    assert set(command[1:]) <= set(ROLES)
    refused = CliRunner().invoke(dispatch, command, env=dict.fromkeys(SETTINGS))
    assert refused.exit_code == 1  # Understood as a command, and refused because nothing is configured here.
    assert "setting_missing" in refused.output


def test_every_role_has_a_service():
    assert {role for service in ROLE_SERVICES.values() for role in service["command"][1:]} == set(ROLES)


def test_the_simulators_command_is_one_it_takes():
    simulator = SERVICES["simulator"]
    [_, *arguments] = simulator["entrypoint"]
    command = [sys.executable, *arguments, *simulator["command"], "--help"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert asked.returncode == 0, asked.stderr
    options = [word for word in simulator["command"] if word.startswith("--")]
    assert [option for option in options if option not in asked.stdout] == []
    assert example()["DISPATCH_NOTIFIER_URL"].endswith(f":{simulator['command'][options.index('--port') * 2 + 1]}")


@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile", ".env.example"])
def test_every_variable_of_dispatch_exists(name: str):
    used = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", (ROOT / name).read_text(encoding="utf-8")))
    assert used
    assert {variable for variable in used - SETTINGS if variable.removesuffix("_FILE") not in SETTINGS} == set()


@pytest.mark.acceptance("4.02", part=".env.example from the settings")
def test_env_example_is_written_from_the_settings():
    command = [sys.executable, str(ROOT / "tools" / "env_example.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert example().keys() >= SETTINGS


def test_the_values_of_env_example_are_the_defaults_that_load():
    values = {name: value for name, value in example().items() if name in SETTINGS}
    loaded = load_settings(values, join_running=False).settings
    demo = {name: getattr(loaded, name) for name in ("contact_finder_url", "email_verifier_url", "notifier_url")}
    assert set(demo.values()) == {"http://simulator:8090"}
    assert loaded == msgspec.structs.replace(Settings(), **demo)


def test_every_variable_that_compose_asks_for_is_in_env_example():
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    passwords = {"APPLICATION_PASSWORD", "NATS_PASSWORD", "POSTGRES_PASSWORD"}
    urls = {"DISPATCH_DATABASE_OWNER_URL", "DISPATCH_DATABASE_URL", "DISPATCH_NATS_URL"}
    assert asked == {"API_PORT", *passwords, *urls}
    assert asked <= example().keys()


def test_no_secret_has_a_value():
    for name in ("POSTGRES_PASSWORD", "APPLICATION_PASSWORD", "NATS_PASSWORD", "DISPATCH_PROVIDER_API_KEY"):
        assert example()[name] == ""
    assert not re.search(r"PASSWORD:-", COMPOSE), "a password has no default"
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored


def test_images_are_pinned_to_a_tag():
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += re.findall(r"--from=(\S+[:/]\S+)", DOCKERFILE)
    assert len(images) == len(SERVICES) + 3
    assert [image for image in images if not re.fullmatch(r"[a-z0-9./-]+:[0-9][\w.-]*", image)] == []


def test_our_image_carries_our_version():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [version] = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
    assert {service["image"] for service in OURS.values()} == {f"dispatch:{version}"}


@pytest.mark.acceptance("4.04", part="API 8080, Postgres 18 inside")
@pytest.mark.acceptance("4.16", part="private networks: nothing but the API is published, on this machine only")
def test_only_the_api_is_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:${API_PORT:-8080}:8080"]}
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_and_holds_no_rights_that_it_does_not_need(name: str):
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert ("cap_add" in service) == (name == "postgres")


@pytest.mark.parametrize("name", ROLE_SERVICES)
def test_a_role_starts_when_its_servers_are_well_and_has_time_to_stop(name: str):
    service = ROLE_SERVICES[name]
    servers = {server: {"condition": "service_healthy"} for server in ("postgres", "nats")}
    assert service["depends_on"] == servers | {"migrate": {"condition": "service_completed_successfully"}}
    assert float(service["stop_grace_period"].removesuffix("s")) > Settings().shutdown_grace_s
    assert "files:/data" in service["volumes"]
    assert service["environment"]["DISPATCH_DATA"] == "/data"


@pytest.mark.acceptance("2.02", part="only the container that migrates knows the owner")
def test_only_the_service_that_migrates_knows_the_owner_of_the_database():
    migrate = SERVICES["migrate"]
    assert CliRunner().invoke(dispatch, [*migrate["command"], "--help"]).exit_code == 0
    assert migrate["restart"] == "on-failure"
    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "postgresql://dispatch:${POSTGRES_PASSWORD" in migrate["environment"]["DISPATCH_DATABASE_OWNER_URL"]
    for service in ROLE_SERVICES.values():
        assert (
            service["environment"]["DISPATCH_DATABASE_OWNER_URL"] == service["environment"]["POSTGRES_PASSWORD"] == ""
        )
        assert "postgresql://dispatch_service:${APPLICATION_PASSWORD" in service["environment"]["DISPATCH_DATABASE_URL"]


def test_nats_starts_with_this_configuration(tmp_path: Path):
    """Checked by nats-server itself (-t), and what is acknowledged is on disk."""
    text = (ROOT / "deploy" / "nats.conf").read_text(encoding="utf-8")
    assert re.search(r"^\s*sync_interval: always\b", text, re.MULTILINE)
    store = re.search(r"^\s*store_dir: (\S+)$", text, re.MULTILINE)
    volumes = SERVICES["nats"]["volumes"]
    assert store is not None
    assert f"nats:{store[1]}" in volumes
    assert "./deploy/nats.conf:/etc/nats/dispatch.conf:ro" in volumes
    here = tmp_path / "nats.conf"
    here.write_text(text.replace(store[1], str(tmp_path)), encoding="utf-8")
    command = [
        {"/etc/nats/dispatch.conf": str(here)}.get(word, re.sub(r"\$\{.*\}", "secret", word))
        for word in SERVICES["nats"]["command"]
    ]
    assert "-js" in command
    checked = subprocess.run([find_program(), *command, "-t"], capture_output=True, text=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stderr
    assert "is valid" in checked.stderr + checked.stdout


def test_the_image_is_built_in_stages_and_runs_as_nobody_special():
    build, final = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert "uv sync --frozen --no-dev" in build
    assert not re.search(r"\b(uv|apt-get|gcc|pip)\b", final)
    user = re.search(r"^USER (\d+):(\d+)$", final, re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0
    assert re.search(r'^ENTRYPOINT \["dispatch"\]$', final, re.MULTILINE)


def test_the_build_gets_what_it_copies_and_nothing_else():
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert "*" in rules
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert [source for source in copied if not (ROOT / source).exists()] == []


@pytest.mark.acceptance("4.03")
def test_make_starts_and_stops_the_containers():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^docker-up:.*\n\t.*docker compose up .*--wait", makefile, re.MULTILINE)
    assert re.search(r"^docker-down:.*\n\t.*docker compose (--profile \S+ )?down", makefile, re.MULTILINE)


@pytest.mark.acceptance(
    "4.13",
    part="dependencies as locked, lint, format check, types, coverage with a floor, tests, vulnerabilities, build",
)
def test_what_must_pass_before_a_change_lands():
    steps = re.findall(r"^make (\w+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert steps == ["check", "audit", "coverage", "test", "build"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = {step: re.search(rf"^{step}:.*\n\t(.*)$", makefile, re.MULTILINE) for step in steps}
    assert all(recipes.values())
    told = {step: found[1] for step, found in recipes.items() if found}
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports", "deptry"):
        assert tool in told["check"]
    assert "pytest" in told["test"]
    assert "--cov" in told["coverage"]
    assert "tools/audit.py" in told["audit"]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["report"]["fail_under"] >= 80
    assert "lock --check" in told["build"]
    assert "uv sync -q --frozen" in makefile.replace("$(UV)", "uv"), "what is installed is what is locked"
