"""wrk as the load."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """What is asked, again and again. `bodies` take turns."""

    name: str
    url: str
    bodies: tuple[bytes, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()

    def script(self) -> str:
        """wrk's Lua: the requests are made once, and sent in turn."""
        fields = {"Content-Type": "application/json", **self.headers}
        header_lines = "".join(f"h[{_lua(k)}] = {_lua(v)}\n" for k, v in fields.items())
        body_lines = "".join(f"b[{i}] = {_lua_bytes(b)}\n" for i, b in enumerate(self.bodies, 1))
        paths = self.paths or ("",)
        path_lines = "".join(f"p[{i}] = {_lua(path)}\n" for i, path in enumerate(paths, 1))
        return (
            "local h, b, p, r, i = {}, {}, {}, {}, 0\n" + header_lines + body_lines + path_lines
            + "init = function() for k = 1, #p do for j = 1, #b do\n"
            "  local path = p[k] ~= '' and p[k] or nil\n"
            "  r[#r + 1] = wrk.format('POST', path, h, b[j]) end end end\n"
            "request = function() i = i % #r + 1; return r[i] end\n"
        )  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """What wrk found. Times are in milliseconds."""

    rate: float
    median: float
    p99: float
    requests: int
    failures: int


def _lua(text: str) -> str:
    return json.dumps(text)


def _lua_bytes(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'


def require() -> None:
    """Without wrk there is nothing to measure: say so, and end."""
    if shutil.which("wrk") is None:
        print("wrk is not installed: no load, no figures.", file=sys.stderr)
        raise SystemExit(2)


def measure(target: Target, *, connections: int, seconds: float) -> Figure:
    """Load a target from one thread, as fast as it answers."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(target.script())
        script.flush()
        said = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "10s",
             "-s", script.name, target.url],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    failures = sum(map(int, errors.groups())) if errors else 0
    return Figure(
        rate=float(_one(r"Requests/sec:\s+([\d.]+)", said)),
        median=_ms(_one(r"50%\s+([\d.]+\w+)", said)),
        p99=_ms(_one(r"99%\s+([\d.]+\w+)", said)),
        requests=int(_one(r"(\d+) requests in", said)),
        failures=failures + (int(refused[1]) if refused else 0),
    )


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk said something else:\n{text}")
    return found[1]


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]


def without_failure(target: Target, *, connections: int, seconds: float) -> Figure:
    """`measure`, where every request must have been answered well."""
    figure = measure(target, connections=connections, seconds=seconds)
    if figure.failures:
        raise RuntimeError(f"{target.name}: {figure.failures} of {figure.requests} failed")
    return figure


def ratio(ours: list[Figure], theirs: list[Figure]) -> str:
    """The median of the rounds' ratios, with their spread."""
    each = [a.rate / b.rate for a, b in zip(ours, theirs, strict=True)]
    return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def rate(figures: list[Figure]) -> float:
    return statistics.median(figure.rate for figure in figures)
