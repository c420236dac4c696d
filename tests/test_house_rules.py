"""The house keeps its rules: layers, names, sizes, and what may be imported where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(settings.BASE_DIR)
LAYERS = ["jail", "common", "accounts", "registry", "inference", "analytics", "webhooks", "config"]
OURS = [name for name in LAYERS if (ROOT / name / "__init__.py").exists()]
SOURCES = [
    path
    for name in OURS
    for path in (ROOT / name).rglob("*.py")
    if "migrations" not in path.parts and "tests" not in path.parts
]


def contracts() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return found["tool"]["importlinter"]  # type: ignore[no-any-return]


def test_the_layers_contract_knows_every_app() -> None:
    installed = {config.name for config in apps.get_app_configs() if config.name in LAYERS}
    assert installed | {"jail"} == set(OURS)
    assert set(contracts()["root_packages"]) == set(OURS)


def test_foreign_keys_point_down_the_layers() -> None:
    wrong = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
        and (target := field.related_model._meta.app_label) in OURS
        and LAYERS.index(target) > LAYERS.index(model._meta.app_label)
    ]
    assert wrong == []


def test_no_module_is_named_after_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "misc", "base"}
    assert [str(path.relative_to(ROOT)) for path in SOURCES if path.stem in empty] == []


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := path.read_text().count("\n")) > 400
    }
    assert long == {}


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_pages_are_functions_of_at_most_25_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in SOURCES
        if path.match("*/pages/views.py")
        for node in functions(path)
        if (node.end_lineno or 0) - node.body[0].lineno + 1 > 25
    ]
    assert long == []


def test_serializers_neither_write_nor_take_every_field() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {what}"
        for path in SOURCES
        if path.name == "serializers.py"
        for what in ("def create(", "def update(", "def save(", "__all__")
        if what in path.read_text()
    ]
    assert wrong == []


def test_nobody_uses_django_model_signals() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"(post|pre)_(save|delete)\b", path.read_text())
    ]
    assert wrong == []


def test_nothing_in_the_settings_pickles() -> None:
    assert "pickle" not in (ROOT / "config" / "settings.py").read_text().lower()


def imported(path: Path) -> set[str]:
    """The top-level packages a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_nothing_outside_the_jail_loads_pickles() -> None:
    banned = {"pickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"}
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] != "jail" and path.name != "demo_model.py"
        for name in imported(path) & banned
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["config.wsgi", "config.celery"])
def test_what_serves_never_imports_what_unpickles(module: str) -> None:
    code = (
        f"import sys, {module}; from django.urls import get_resolver; import django; "
        "django.setup(); get_resolver().url_patterns; "
        "bad = {'sklearn', 'joblib', 'skl2onnx', 'pandas', 'pyarrow', 'skops', 'onnx', 'scipy'}; "
        "print(sorted(bad & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, object]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), entry.callback


def openapi() -> dict[str, Any]:
    from drf_spectacular.generators import SchemaGenerator

    generator: Any = SchemaGenerator
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document


@pytest.mark.django_db
def test_the_openapi_document_has_every_api_route() -> None:
    document = openapi()
    described = len([path for path in document["paths"] if path.startswith("/api/v1/")])
    ours = {path for path, _ in routes() if path.startswith("api/v1/")}
    assert described == len(ours), sorted(document["paths"])


@pytest.mark.django_db
def test_the_openapi_document_has_mlflows_routes_with_and_without_an_organization() -> None:
    described = [path for path in openapi()["paths"] if path.startswith("/mlflow/")]
    ours = [path for path, _ in routes() if path.startswith("^mlflow")]
    named = [path for path in described if path.startswith("/mlflow/{organization}/api/")]
    assert len(named) == len(described) - len(named) == len(ours) > 0


@pytest.mark.django_db
def test_every_field_of_the_openapi_document_is_described() -> None:
    document = openapi()
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description") and "$ref" not in str(described)
        and not name.startswith("Paginated")
    ]  # fmt: skip
    assert silent == []


def test_every_variable_is_documented() -> None:
    readers = re.compile(
        r"env\.(?:text|path|secret|boolean|integer|items|networks|choice|encryption_keys|outbound)\(\s*\"([A-Z_0-9]+)\""
    )
    inside = re.compile(r"\b(?:text|secret)\(\"([A-Z_0-9]+)\"")
    read = {
        name
        for path in (ROOT / "config").rglob("*.py")
        for name in readers.findall(path.read_text())
    } | set(inside.findall((ROOT / "config" / "env.py").read_text()))
    documented = set(
        re.findall(
            r"^\| `([A-Z_0-9]+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE
        )
    )
    assert read - documented == set()
    assert documented - read == set()


def test_the_example_environments_name_known_variables() -> None:
    known = set(
        re.findall(
            r"^\| `([A-Z_0-9]+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE
        )
    )
    for file in (ROOT / "deploy/env").glob("*.env"):
        named = re.findall(r"^#? ?([A-Z_]+)=", file.read_text(), re.MULTILINE)
        assert {name.removesuffix("_FILE") for name in named} <= known, file.name


def test_every_event_is_documented() -> None:
    from common.events import types

    for name in OURS:
        if (ROOT / name / "events.py").exists() or (ROOT / name / "events").exists():
            __import__(f"{name}.events")
    documented = re.findall(
        r"^\| `([a-z_.]+)`", (ROOT / "docs/events.md").read_text(), re.MULTILINE
    )
    assert sorted(documented) == sorted(name for name in types if not name.startswith("test."))


def test_every_test_file_says_what_it_does() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for folder in [*OURS, "tests"]
        for path in (ROOT / folder).rglob("test_*.py")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
