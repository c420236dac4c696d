"""Figures are drawn from the tables below them, and webhooks are set up, in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from common.tests.receiver import Receiver, receiving
from tests.browser import PATIENCE
from tests.installations import Installation, wait_for
from tests.visitor import Visitor

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.timeout(300)
SHOWN_WITHIN = 30.0  # seconds from a call until the figures count it, on a busy machine


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def owner(slipway: Installation, visitor: Visitor) -> Visitor:
    """The owner of the demo model, logged in."""
    visitor.visit("/login")
    visitor.page.get_by_label("E-mail").fill(slipway.demo["email"])
    visitor.page.get_by_label("Password").fill(slipway.demo["password"])
    visitor.page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()
    return visitor


def predict(slipway: Installation, inputs: list[list[float]]) -> None:
    demo = slipway.demo
    requests.post(
        f"{slipway.url}/api/v1/models/{demo['model']}/predict",
        json={"inputs": inputs},
        headers={"Authorization": f"Bearer {demo['api_key']}"},
        timeout=10,
    )


def test_charts_are_drawn_from_their_tables(slipway: Installation, owner: Visitor) -> None:
    for _ in range(3):
        predict(slipway, [[5.1, 3.5, 1.4, 0.2]])
    predict(slipway, [[1.0]])
    page = owner.page

    def counted() -> bool:
        owner.visit("/analytics?days=2")
        return int(page.locator(".tiles dd").first.inner_text().split()[0]) >= 4

    wait_for(counted, SHOWN_WITHIN)
    chart = page.locator("figure[data-chart=calls]")
    expect(chart.locator("canvas")).to_be_visible(timeout=PATIENCE)
    assert chart.get_attribute("data-drawn") == "2"
    chart.get_by_text("As a table").click()
    page.get_by_role("button", name="Use the dark theme").click()
    assert chart.get_attribute("data-drawn") == "2"  # drawn anew, from the same table
    rows = chart.locator("details tbody tr")
    assert rows.count() == 2
    assert int(rows.last.locator("td").first.inner_text()) >= 3
    page.get_by_role("row", name="demo/iris").get_by_role("link").click()
    expect(page.get_by_role("heading", name="How iris does")).to_be_visible()
    assert page.locator("figure[data-chart] canvas").count() == 2
    expect(page.get_by_role("heading", name="Latest failures")).to_be_visible()
    owner.check_accessible()
    with page.expect_download() as download:
        page.get_by_role("link", name="labels", exact=True).click()
    assert "setosa" in download.value.path().read_text()


def test_a_period_that_is_none_says_why(owner: Visitor) -> None:
    owner.visit("/analytics?from=2026-03-02&to=2026-03-01")
    expect(owner.page.get_by_role("alert")).to_contain_text("ends before it begins")


def test_a_webhook_is_set_up_paused_and_turned_on(owner: Visitor, receiver: Receiver) -> None:
    page = owner.page
    owner.visit("/webhooks")
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_label("everything").check()
    owner.expect_complaint("status of 400")
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("alert").first).to_contain_text("WEBHOOK_ALLOW")
    page.get_by_label("URL").fill("https://93.184.215.14/hook")
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("region", name="The secret")).to_contain_text("whsec_")
    owner.check_accessible()
    page.get_by_role("link", name="Send it a test").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".head .badge")).to_have_text("paused")
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".head .badge")).to_have_text("active")
    assert receiver.received == []
