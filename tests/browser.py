"""A real browser for the tests: `pytest_plugins = ["tests.browser"]` in the module that wants it.

Whatever the browser complains about fails the test: a blocked script or style, an exception, a
request that leaves our own origin. Where no browser can be had the tests are skipped, and the
end of the run says loudly what to install; in CI (the variable CI is set) that is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from benchmarks.clusters import seed
from tests import chromium
from tests.installations import Installation
from tests.visitor import DESKTOP, Visitor, listen

PATIENCE = 15_000  # ms a page may take to show what is expected

_missing: list[str] = []


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
    seed(one.home)
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
        listen(visitor)
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it last, where it is read."""
    if _missing:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(_missing[0])
