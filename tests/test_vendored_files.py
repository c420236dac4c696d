"""What others wrote and we serve is what VENDOR.md says, byte for byte."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FOLDERS = [ROOT / "static" / "vendor", ROOT / "tests" / "vendor"]
ROW = re.compile(
    r"^\| `(?P<file>[^`]+)` \| `[^`]+` \| \d+\.\d+\.\d+ \| `[^`]+` \| [^|]+ \| "
    r"`(?P<hash>[^`]+)` \|$",
    re.MULTILINE,
)


def listed() -> dict[str, str]:
    """The files in VENDOR.md with their hashes."""
    text = (ROOT / "static" / "vendor" / "VENDOR.md").read_text()
    return {row["file"]: row["hash"] for row in ROW.finditer(text)}


def present() -> set[Path]:
    return {path for folder in FOLDERS for path in folder.rglob("*.min.*") if path.is_file()}


def test_every_vendored_file_is_listed() -> None:
    assert {str(path.relative_to(ROOT)) for path in present()} == set(listed())


def test_every_vendored_file_is_unchanged() -> None:
    found = {
        name: base64.b64encode(hashlib.sha512((ROOT / name).read_bytes()).digest()).decode()
        for name in listed()
    }
    assert found == listed()


def test_every_vendored_file_has_its_licence() -> None:
    assert [path for path in present() if not (path.parent / "LICENSE").is_file()] == []


def test_templates_load_nothing_from_elsewhere_and_run_no_inline_script() -> None:
    """The content security policy blocks both, but only a browser would tell."""
    foreign = re.compile(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""")
    inline = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|\son[a-z]+\s*=|hx-on|\bjs:|javascript:")
    wrong = {
        str(path.relative_to(ROOT)): match.group()
        for path in (ROOT / "templates").rglob("*.html")
        for pattern in (foreign, inline)
        if (match := pattern.search(path.read_text()))
    }
    assert wrong == {}
