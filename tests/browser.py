"""A real browser for the tests: `pytest_plugins = ["tests.browser"]` in the module that wants it.

Whatever the browser complains about fails the test: a blocked script or style, an exception, a
request that leaves our own origin. Where no browser can be had the tests are skipped, and the
end of the run says loudly what to install; in CI (the variable CI is set) that is a failure.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests import chromium
from tests.installations import Installation

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}
DESKTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE = 15_000  # ms a page may take to show what is expected

_missing: list[str] = []


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
        assert faults == []

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
                assert [_told(fault) for fault in found["violations"] if _serious(fault)] == []

    def check_no_sideways_scroll(self) -> None:
        """On a phone the page is as wide as the screen."""
        self.page.set_viewport_size(PHONE)
        width = self.page.evaluate("() => document.documentElement.scrollWidth")
        self.page.set_viewport_size(DESKTOP)
        assert width <= PHONE["width"]


def _serious(fault: dict[str, Any]) -> bool:
    return fault["impact"] in SERIOUS


def _told(fault: dict[str, Any]) -> str:
    places = "; ".join(f"{node['target']}: {node['failureSummary']}" for node in fault["nodes"][:3])
    return f"{fault['id']} ({fault['impact']}): {places}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Ends with the module: while Playwright runs, Django takes the thread for async."""
    try:
        found = chromium.find()
    except chromium.Missing as reason:
        _missing.append(str(reason))
        if os.environ.get("CI"):
            pytest.fail(f"The browser tests can't run: {reason}")
        pytest.skip(f"NO BROWSER: {reason}")
    with (
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(**found.launch_options())) as launched,
    ):
        yield launched


@pytest.fixture(scope="module")
def slipway(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A whole Slipway, started by `manage.py up`; not started where there is no browser for it."""
    one = Installation(tmp_path_factory.mktemp("browsed") / "home")
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture
def new_visitor(
    browser: Browser, slipway: Installation, tmp_path: Path
) -> Iterator[Callable[[], Visitor]]:
    """Makes visitors; at the end of the test none of their browsers may have complained."""
    visitors: list[Visitor] = []
    pictures = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    pictures.mkdir(parents=True, exist_ok=True)

    def make() -> Visitor:
        # The locale is named because Chromium's Intl fails on LANG=C.
        # Without motion a picture never catches a colour on its way.
        context = browser.new_context(locale="en-US", viewport=DESKTOP, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        visitor = Visitor(context, context.new_page(), slipway.url, pictures)
        _listen(visitor)
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.context.close()
    for visitor in visitors:
        visitor.check_quiet()


@pytest.fixture
def visitor(new_visitor: Callable[[], Visitor]) -> Visitor:
    """Somebody who has never been here."""
    return new_visitor()


def _listen(visitor: Visitor) -> None:
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it last, where it is read."""
    if _missing:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(_missing[0])
