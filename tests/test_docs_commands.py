"""The commands in the files for containers and CI are the ones that `manage.py up` runs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.supervisor import commands

ROOT = Path(__file__).resolve().parent.parent
WEB = commands.web(host="0.0.0.0", port=8000, workers=2, threads=8)  # noqa: S104
BEAT = commands.beat(schedule="/var/lib/slipway/run/beat-schedule")
OURS = ("migrate", "jail", "web", "worker", "beat")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = content["services"]
    return found


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("web", WEB),
        ("worker", commands.worker()),
        ("webhooks", commands.webhooks(processes=1)),
        ("beat", BEAT),
        ("jail", commands.jail(socket="/run/jail/jail.sock")),
        ("migrate", commands.migrate()),
    ],
)
def test_compose_runs_what_up_runs(
    services: dict[str, Any], name: str, command: tuple[str, ...]
) -> None:
    assert services[name]["command"] == ["python", *command]


def test_the_image_serves_by_default() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    found = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert found is not None
    assert json.loads(found.group(1)) == ["python", *WEB]


def test_the_image_runs_as_an_ordinary_user() -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")


def test_the_jail_is_given_nothing(services: dict[str, Any]) -> None:
    jail = services["jail"]
    assert jail["network_mode"] == "none"
    assert jail["environment"] == commands.JAIL_ENVIRONMENT
    assert jail["volumes"] == ["jail:/run/jail"]


def test_whoever_uses_the_jail_shares_its_socket(services: dict[str, Any]) -> None:
    for name in ("web", "worker"):
        assert "jail:/run/jail" in services[name]["volumes"]
        assert services[name]["environment"]["JAIL_SOCKET"] == "/run/jail/jail.sock"


def test_roles_are_those_of_up(services: dict[str, Any]) -> None:
    for name in ("web", "worker", "beat"):
        assert services[name]["environment"]["SLIPWAY_ROLE"] == name
    environment = services["worker"]["environment"]
    assert environment.items() >= commands.WORKER_ENVIRONMENT.items()
    assert services["web"]["environment"].items() >= commands.WEB_ENVIRONMENT.items()


def test_everything_that_runs_is_watched_and_unprivileged(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name != "migrate":
            assert "healthcheck" in service, name
        if name in OURS:
            assert service["cap_drop"] == ["ALL"], name
            assert not service.get("privileged"), name


def test_tables_are_there_before_anybody_needs_them(services: dict[str, Any]) -> None:
    for name in ("web", "worker", "beat"):
        needs = services[name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"
        assert needs["redis"]["condition"] == "service_healthy"


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "DATABASE_PASSWORD"):
        uses = re.findall(r"(?<!\$)\$\{" + name + r"([^}]*)\}", text)
        assert uses, name
        assert all(use.startswith(":?") for use in uses), name


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    steps = [line for line in script.read_text().splitlines() if line.startswith("make ")]
    assert steps == ["make check", "make test", "make conformance"]
    assert "set -euo pipefail" in script.read_text()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    runs = [step.get("run") for step in workflow["jobs"]["run"]["steps"]]
    assert ".ci/run" in runs


def test_every_command_of_make_is_explained() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    targets = {m.group(1) for line in lines if (m := re.match(r"([a-z-]+):.*", line))}
    explained = {m.group(1) for line in lines if (m := re.match(r"([a-z-]+):.*## \S", line))}
    assert explained >= {"run", "test", "conformance", "check", "bench", "help", "lock", "reset"}
    assert targets - explained == {"install", "install-dev"}


def test_the_image_holds_no_data_and_no_secrets() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", ".venv", "var", ".env"} <= ignored
