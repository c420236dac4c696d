"""What lies in deploy/ for those who watch: dashboards, alerts, log mappings fit what we write."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from django.conf import settings

from common.context import request_context
from common.meter import families
from common.meter.families import Histogram
from common.meter.reading import exposition
from common.meter.scraped import registered
from common.tasking import TASKS
from config import levels, scraped
from config.logs import logging_config
from inference.counted import PREDICTIONS
from inference.edge.gate import REFUSALS
from inference.journal.shipper import LAG

DEPLOY = Path(settings.BASE_DIR) / "deploy"
RULES = DEPLOY / "prometheus"
METRIC = re.compile(r"\bslipway_[a-z0-9_]+")
WHERE = (os.environ.get("PROMTOOL", "promtool"), "/usr/bin/promtool")


def known() -> set[str]:
    """Every name under which a sample of ours leaves."""
    needed = {one.name for one in (TASKS, REFUSALS, PREDICTIONS, LAG, levels.MODELS)}
    assert needed <= set(families.families)
    assert scraped.queues in {one.look_up for one in registered.values()}
    found = set(registered) | {"slipway_scrape_failed", "slipway_meter_series_refused_total"}
    for family in families.families.values():
        ends = ("_bucket", "_sum", "_count") if isinstance(family, Histogram) else ("",)
        found |= {family.name + end for end in ends}
    return found


def expressions(path: Path) -> Iterator[str]:
    """Every query of a dashboard."""
    board = json.loads(path.read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in board["templating"]["list"]:
        yield variable["query"]


BOARDS = sorted((DEPLOY / "grafana").glob("*.json"))


def test_there_is_a_board_for_each_concern() -> None:
    assert {path.stem for path in BOARDS} == {"traffic", "latency", "queues", "models", "database"}
    ids = [json.loads(path.read_text())["uid"] for path in BOARDS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_board_asks_for_what_we_count(path: Path) -> None:
    named = {name for text in expressions(path) for name in METRIC.findall(text)}
    assert named
    assert named - known() == set()


def test_alerts_ask_for_what_we_count() -> None:
    (group,) = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    named = {name for rule in group["rules"] for name in METRIC.findall(rule["expr"])}
    assert named - known() == set()
    tested = yaml.safe_load((RULES / "alerts_test.yml").read_text())["tests"]
    tried = {case["alertname"] for test in tested for case in test["alert_rule_test"]}
    assert tried == {rule["alert"] for rule in group["rules"]}


@pytest.fixture
def promtool() -> str:
    found = next((path for name in WHERE if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("promtool is not here; name it in PROMTOOL (Debian's package is prometheus)")
    return found


@pytest.mark.parametrize("command", [["check", "rules", "alerts.yml"],
                                     ["test", "rules", "alerts_test.yml"]])  # fmt: skip
def test_promtool_is_content_with_the_rules(promtool: str, command: list[str]) -> None:
    done = subprocess.run(
        [promtool, *command], cwd=RULES, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reads_our_figures(promtool: str, tmp_path: Path) -> None:
    text = b"\n".join(line for line in exposition(tmp_path).splitlines() if b"test_" not in line)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text + b"\n", capture_output=True, check=False
    )
    assert b"error" not in done.stderr.lower(), done.stderr
    assert done.returncode in {0, 3}, done.stderr  # 3: advice on names


def mapping() -> dict[str, Any]:
    template = json.loads((DEPLOY / "elk" / "index-template.json").read_text())
    found: dict[str, Any] = template["template"]["mappings"]["properties"]
    return found


def mapped(name: str) -> dict[str, Any] | None:
    """Where a field with dots in its name leads in the template; None where nowhere."""
    place: dict[str, Any] = {"properties": mapping()}
    for part in name.split("."):
        if place.get("dynamic") is True and part not in place.get("properties", {}):
            return {"type": "dynamic"}
        if part not in place.get("properties", {}):
            return None
        place = place["properties"][part]
    return place


KINDS = {"keyword": str, "match_only_text": str, "wildcard": str, "long": int, "short": int,
         "date": str, "ip": str}  # fmt: skip


def test_every_field_of_a_line_is_mapped_to_its_kind() -> None:
    stream = io.StringIO()
    found = logging_config(level="INFO", colours=False, role="web", version="1.2.3")
    found["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(found)
    log = structlog.get_logger("slipway.request")
    try:
        with request_context("an-id-of-mine"):
            log.info(
                "slow_request", method="GET", path="/a", route="/{a}", status=200, ms=1.5, bytes=3,
                address="10.0.0.1", user="u", organization="o", key_id="k", db_ms=1.5, queries=2,
                statements=[{"sql": "SELECT", "ms": 1.0, "times": 1}],
            )  # fmt: skip
            log.error("broke", code="internal_error", exc_info=ValueError("no"))
    finally:
        logging.config.dictConfig(settings.LOGGING)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 2
    for name, value in (item for line in lines for item in line.items()):
        place = mapped(name)
        assert place is not None, name
        kind = KINDS.get(place["type"])
        assert kind is None or isinstance(value, kind), (name, value)


def test_the_pipeline_is_the_one_the_template_names() -> None:
    template = json.loads((DEPLOY / "elk" / "index-template.json").read_text())
    assert template["template"]["settings"]["index"]["default_pipeline"] == "slipway-logs"
    pipeline = json.loads((DEPLOY / "elk" / "ingest-pipeline.json").read_text())
    assert pipeline["processors"]
    assert pipeline["on_failure"]
    beat = yaml.safe_load((DEPLOY / "elk" / "filebeat.yml").read_text())
    index = beat["output.elasticsearch"]["index"]
    assert re.fullmatch(template["index_patterns"][0].replace("*", ".+"), index)
