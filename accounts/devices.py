"""What a User-Agent says about itself, in words: it is a hint for people, and proof of nothing."""

from __future__ import annotations

# The order matters: most browsers name others' engines too.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("HeadlessChrome", "Chrome"),
    ("Chrome/", "Chrome"), ("CriOS", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Macintosh", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def describe_agent(agent: str) -> str:
    """`Firefox on Linux`, or a program's own name: `curl`, `python-requests`."""
    if not agent:
        return "Unknown program"
    if not agent.startswith("Mozilla/"):
        return agent.split("/", 1)[0].split(" ", 1)[0][:40] or "Unknown program"
    browser = next((name for mark, name in _BROWSERS if mark in agent), "Browser")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return f"{browser} on {system}" if system else browser
