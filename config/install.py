#!/usr/bin/env python3
"""Make the environment of this checkout from nothing but python3: `install.py [--dev]`.

Run as a file by the system's Python, so the standard library is all there is. Order of means:
a virtual environment, even where the distribution left `ensurepip` out (pip then comes from its
own wheel, by the configured index); uv where it can be had, pip otherwise. Every package is
checked against the hashes in the requirements. Nothing is done twice: a stamp keeps the digest of
what was installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOWEST = (3, 11)
RUN = ["requirements.txt"]
DEV = [*RUN, "requirements-dev.txt"]


def say(text: str) -> None:
    sys.stderr.write(f"slipway: {text}\n")
    sys.stderr.flush()


def interpreter() -> str:
    """A Python that is new enough: this one, else one of its newer siblings."""
    if sys.version_info >= LOWEST:
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            return found
    sys.exit(f"Slipway needs Python 3.11 or later; this is {sys.version.split()[0]}.")


def make_venv() -> bool:
    """Make .venv; True when it came with pip."""
    python = interpreter()
    say(f"making {VENV} with {python}")
    with_pip = [python, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(with_pip, capture_output=True, check=False).returncode == 0:
        return True
    # Debian and Ubuntu ship venv without ensurepip.
    subprocess.run([python, "-m", "venv", "--clear", "--without-pip", str(VENV)], check=True)
    return False


def pip_settings() -> dict[str, str]:
    """What pip is configured with (index, certificate, …), read without pip being there.

    Files in pip's own order, the environment last. Only `[global]` and `[install]` count.
    """
    import configparser

    home = Path.home()
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    files += [Path(sys.prefix) / "pip.conf", Path(os.environ.get("PIP_CONFIG_FILE", os.devnull))]
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        with contextlib.suppress(configparser.Error, OSError):
            parser.read(file)
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(parser.items(section))
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            found[name[4:].lower().replace("_", "-")] = value
    return found


def fetch_pip(folder: Path) -> Path:
    """Download pip's newest wheel from the configured index; the wheel itself can be run.

    Checked against the SHA-256 that the index names (over TLS, as pip's own first install is).
    """
    index = pip_settings().get("index-url", "").rstrip("/")
    if not index:
        sys.exit(
            "This python3 came without ensurepip and without pip. Install your system's "
            "python3-venv, or name a package index in PIP_INDEX_URL, and repeat."
        )
    page_url = f"{index}/pip/"
    with urllib.request.urlopen(page_url, timeout=60) as answer:  # noqa: S310  the operator's index
        page = answer.read().decode()
    links = re.findall(r'href="([^"]*pip-(\d+(?:\.\d+)*)-py3-none-any\.whl[^"]*)"', page)
    if not links:
        sys.exit(f"No wheel of pip at {page_url}.")
    link = max(links, key=lambda one: tuple(int(part) for part in one[1].split(".")))[0]
    url, _, digest = urllib.parse.urljoin(page_url, link).partition("#sha256=")
    wheel = folder / Path(urllib.parse.urlsplit(url).path).name
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  the operator's index
        content = answer.read()
    if digest and hashlib.sha256(content).hexdigest() != digest:
        sys.exit(f"{url} is not what the index promised.")
    wheel.write_bytes(content)
    return wheel


def pip_command(has_pip: bool, folder: Path) -> list[str]:
    """pip for .venv: its own, else the system's, else run from its wheel."""
    if has_pip:
        return [str(PYTHON), "-m", "pip"]
    systems = [interpreter(), "-m", "pip", "--python", str(PYTHON)]
    if subprocess.run([*systems, "--version"], capture_output=True, check=False).returncode == 0:
        return systems
    return [str(PYTHON), str(fetch_pip(folder) / "pip")]


def find_uv(pip: list[str]) -> str | None:
    """uv from the PATH, else installed beside us; None where there is none to be had."""
    here = VENV / "bin" / "uv"
    found = shutil.which("uv") or (str(here) if here.exists() else None)
    if found is None:
        quiet = [*pip, "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        hashed = ["--require-hashes", "-r", str(ROOT / "requirements-uv.txt")]
        if subprocess.run([*quiet, *hashed], capture_output=True, check=False).returncode == 0:
            found = str(here)
    return found


def uv_environment() -> dict[str, str]:
    """The environment for uv, which does not read pip's settings: the same indexes and no more."""
    settings = pip_settings()
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(VENV)}
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    for name, variable in names.items():
        if settings.get(name) and not env.get(variable):
            separator = "," if variable == "UV_FIND_LINKS" else " "
            env[variable] = separator.join(settings[name].split())
    # Hashes decide what is installed, so every index may be asked for every package.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return env


def install(files: list[str], has_pip: bool) -> None:
    requirements = [part for file in files for part in ("-r", str(ROOT / file))]
    with tempfile.TemporaryDirectory() as folder:
        pip = pip_command(has_pip, Path(folder))
        uv = find_uv(pip)
        say(f"installing {', '.join(files)} with {'uv' if uv else 'pip'}")
        if uv is not None:
            command = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes"]
            done = subprocess.run([*command, *requirements], env=uv_environment(), check=False)
            if done.returncode == 0:
                return
            say("uv failed; trying pip")
        command = [*pip, "install", "--disable-pip-version-check", "--require-hashes"]
        if subprocess.run([*command, *requirements], check=False).returncode != 0:
            sys.exit("slipway: the packages could not be installed; see above.")


def digest(files: list[str]) -> str:
    """What the environment is made of: the requirements, and where it stands."""
    parts = [(ROOT / file).read_bytes() for file in files]
    return hashlib.sha256(b"\0".join([str(VENV).encode(), *parts])).hexdigest()


def main(arguments: list[str]) -> None:
    files = DEV if "--dev" in arguments else RUN
    stamp = VENV / ".slipway.json"
    done: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        done = json.loads(stamp.read_text())
    key = ",".join(files)
    if done.get(key) == digest(files) and PYTHON.exists():
        return
    fresh = not PYTHON.exists() or not (VENV / "pyvenv.cfg").exists()
    has_pip = make_venv() if fresh else _has_pip()
    install(files, has_pip)
    done = {} if fresh else done
    done[key] = digest(files)
    done[",".join(RUN)] = digest(RUN)
    stamp.write_text(json.dumps(done))


def _has_pip() -> bool:
    return (
        subprocess.run(
            [str(PYTHON), "-c", "import pip"], capture_output=True, check=False
        ).returncode
        == 0
    )


if __name__ == "__main__":
    main(sys.argv[1:])
