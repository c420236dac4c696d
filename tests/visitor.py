"""Somebody with a browser: visits pages, looks at them, and notices every complaint."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, ViewportSize

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}
DESKTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass
class Visitor:
    """One person with a browser of their own. `page` is their only tab."""

    context: BrowserContext
    page: Page
    url: str
    pictures: Path
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def visit(self, path: str) -> None:
        """Open a page of ours by its path."""
        self.page.goto(self.url + path)

    def expect_complaint(self, pattern: str) -> None:
        """What the browser will say about the next refusal is no fault: a regular expression."""
        self.expected.append(pattern)

    def check_quiet(self) -> None:
        """The browser found nothing to complain about so far."""
        faults = [
            fault
            for fault in self.faults
            if not any(re.search(pattern, fault) for pattern in self.expected)
        ]
        assert not faults, "\n".join(faults)

    def take_pictures(self, name: str) -> None:
        """The page in light, dark and on a phone, into the pictures' folder."""
        for look, scheme, size in (
            ("light", "light", DESKTOP),
            ("dark", "dark", DESKTOP),
            ("phone", "light", PHONE),
        ):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.set_viewport_size(size)
            self.page.screenshot(path=self.pictures / f"{name}-{look}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(DESKTOP)

    def check_accessible(self) -> None:
        """axe-core finds nothing serious on this page, in light and dark.

        In a second context with the same cookies: axe is injected, which the policy forbids.
        """
        browser = self.context.browser
        assert browser is not None
        state = self.context.storage_state()
        with closing(browser.new_context(bypass_csp=True, storage_state=state)) as context:
            page = context.new_page()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.goto(self.page.url)
                page.add_script_tag(path=AXE)
                found = page.evaluate("() => axe.run()")
                assert found["passes"], "axe looked at nothing"
                serious = [_told(fault) for fault in found["violations"] if _serious(fault)]
                assert not serious, f"{page.url}, {scheme}: " + "\n".join(serious)

    def check_no_sideways_scroll(self) -> None:
        """On a phone the page is as wide as the screen."""
        self.page.set_viewport_size(PHONE)
        width = self.page.evaluate("() => document.documentElement.scrollWidth")
        self.page.set_viewport_size(DESKTOP)
        assert width <= PHONE["width"], f"{self.page.url} is {width} wide"


def _serious(fault: dict[str, Any]) -> bool:
    return fault["impact"] in SERIOUS


def _told(fault: dict[str, Any]) -> str:
    places = "; ".join(f"{node['target']}: {node['failureSummary']}" for node in fault["nodes"][:3])
    return f"{fault['id']} ({fault['impact']}): {places}"


def listen(visitor: Visitor) -> None:
    """Keep whatever the browser complains about from now on in the visitor's faults."""
    own = urlsplit(visitor.url).netloc
    page = visitor.page

    def request(made: Any) -> None:
        target = urlsplit(made.url)
        if target.scheme not in {"data", "blob"} and target.netloc != own:
            visitor.faults.append(f"{page.url} asked {made.url}")

    def console(message: Any) -> None:
        if message.type in {"error", "warning"}:
            visitor.faults.append(f"{page.url}: {message.type}: {message.text}")

    page.on("console", console)
    page.on("pageerror", lambda error: visitor.faults.append(f"{page.url}: {error}"))
    page.on("request", request)
