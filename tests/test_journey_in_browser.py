"""A person with a browser gets from nothing to a prediction, on a whole Slipway.

With SCREENSHOTS=/some/folder the pictures stay there, in light, dark and on a phone.
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from config.demo_model import train
from tests.installations import Installation
from tests.visitor import DESKTOP, Visitor

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a lantern over the harbour"
LIVE = 60_000  # ms from upload to ready on a busy machine
FLOWER = {
    "sepal_length_cm": "5.1",
    "sepal_width_cm": "3.5",
    "petal_length_cm": "1.4",
    "petal_width_cm": "0.2",
}


class RunsACommand:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("true",)


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("models") / "iris flowers.joblib"
    train(file)
    return file


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    file = tmp_path / "harmless.pkl"
    file.write_bytes(pickle.dumps(RunsACommand()))
    return file


@pytest.fixture
def member(slipway: Installation, visitor: Visitor) -> Visitor:
    """The owner of the demo model, logged in."""
    log_in(visitor, slipway.demo["email"], slipway.demo["password"])
    return visitor


def log_in(visitor: Visitor, email: str, password: str) -> None:
    visitor.visit("/login")
    visitor.page.get_by_label("E-mail").fill(email)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("main").get_by_role("button", name="Log in").click()
    expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()


def sign_up(visitor: Visitor, email: str) -> None:
    visitor.visit("/")
    visitor.page.get_by_role("main").get_by_role("link", name="Sign up").click()
    visitor.page.get_by_label("E-mail").fill(email)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign up").click()
    expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()


def make_key(page: Page, name: str) -> str:
    """Make a key by the page; returns the secret that is shown once."""
    page.get_by_role("link", name="Keys", exact=True).click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the key").click()
    return page.get_by_label("The new key").inner_text().strip()


def copied(visitor: Visitor) -> str:
    """Press the first copy button; returns what the clipboard holds then."""
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.page.get_by_role("button", name="Copy").first.click()
    expect(visitor.page.get_by_role("button", name="Copied")).to_be_visible()
    return str(visitor.page.evaluate("() => navigator.clipboard.readText()"))


def test_a_newcomer_signs_up_uploads_and_gets_a_prediction(visitor: Visitor, iris: Path) -> None:
    page = visitor.page
    sign_up(visitor, "ada@example.org")
    visitor.visit("/models")
    expect(page.get_by_text("No models yet")).to_be_visible()
    visitor.take_pictures("models-empty")
    key = make_key(page, "laptop")
    assert re.fullmatch(r"slip_[0-9A-Za-z]{38}", key)
    visitor.take_pictures("keys-made")
    assert copied(visitor) == key

    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="Upload a model").first.click()
    page.get_by_label("Drop the file here").set_input_files(iris)
    expect(page.get_by_label("Name")).to_have_value("iris-flowers")
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url("**/models/ada/iris-flowers/versions/1")
    expect(page.locator("#version .badge", has_text="ready")).to_be_visible(timeout=LIVE)
    expect(page.locator(".steps .done")).to_have_count(8)
    expect(page.locator("#version[hx-trigger]")).to_have_count(0)
    visitor.take_pictures("version-ready")

    page.get_by_role("link", name="Call it").click()
    expect(page.get_by_text("Put your key laptop")).to_be_visible()
    page.get_by_role("tab", name="Python").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("requests.post")
    visitor.take_pictures("model")

    page.get_by_role("link", name="Playground").click()
    for feature, value in FLOWER.items():
        page.get_by_label(feature).fill(value)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".answer")).to_have_text("setosa")
    expect(page.locator(".bars tbody tr")).to_have_count(3)
    visitor.take_pictures("playground-answer")


def test_a_dropped_hostile_file_is_refused_by_name(member: Visitor, hostile: Path) -> None:
    page = member.page
    member.visit("/models/upload")
    page.get_by_label("Name").fill("trojan")
    dropped = page.evaluate_handle(
        """([name, bytes]) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([new Uint8Array(bytes)], name));
            return dropped;
        }""",
        [hostile.name, list(hostile.read_bytes())],
    )
    page.locator(".drop").dispatch_event("dragover", {"dataTransfer": dropped})
    expect(page.locator(".drop")).to_have_class(re.compile("over"))
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_text("harmless.pkl (")).to_be_visible()
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#version .badge", has_text="rejected")).to_be_visible(timeout=LIVE)
    expect(page.get_by_role("alert")).to_contain_text("system")
    member.take_pictures("version-rejected")


def test_a_refused_upload_says_why_and_can_be_sent_again(member: Visitor, iris: Path) -> None:
    page = member.page
    member.visit("/models/upload")
    page.get_by_label("Drop the file here").set_input_files(iris)
    page.get_by_label("Name").fill("not a name")
    member.expect_complaint("status of 4")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator(".problem")).to_contain_text("name")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()


def test_an_upload_works_without_javascript(
    browser: Browser, slipway: Installation, member: Visitor, iris: Path
) -> None:
    context = browser.new_context(
        java_script_enabled=False,
        storage_state=member.context.storage_state(),
        viewport=DESKTOP,
    )
    page = context.new_page()
    page.goto(f"{slipway.url}/models/upload")
    page.get_by_label("Drop the file here").set_input_files(iris)
    page.get_by_label("Name").fill("plain-form")
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url("**/plain-form/versions/1")
    context.close()


def test_a_wrong_value_is_named_in_the_playground(slipway: Installation, member: Visitor) -> None:
    member.visit(f"/models/demo/{slipway.demo['model']}/playground")
    form = member.page.locator("form[hx-post]")
    form.evaluate("form => { form.noValidate = true; }")
    field = form.locator("input[type=number]").first
    label = form.locator("label").first.inner_text()
    field.fill("")
    form.get_by_role("button", name="Predict").click()
    expect(member.page.locator("#answer").get_by_role("alert")).to_contain_text(label)


def test_models_are_found_while_one_types(slipway: Installation, member: Visitor) -> None:
    member.visit("/models")
    name = slipway.demo["model"]
    expect(member.page.locator("#found").get_by_role("link", name=name)).to_be_visible()
    member.page.get_by_label("Search").fill("nothing of that name")
    expect(member.page.get_by_text("Nothing found")).to_be_visible()
    member.page.get_by_label("Search").fill(name)
    expect(member.page.locator("#found").get_by_role("link", name=name)).to_be_visible()
    assert f"search={name}" in member.page.url


def test_the_theme_is_remembered(visitor: Visitor) -> None:
    visitor.visit("/")
    html = visitor.page.locator("html")
    expect(html).not_to_have_attribute("data-theme", "dark")
    visitor.page.get_by_role("button", name="Use the dark theme").click()
    expect(html).to_have_attribute("data-theme", "dark")
    visitor.page.reload()
    expect(html).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("path", ["/", "/login", "/signup"])
def test_a_strangers_pages_are_accessible(visitor: Visitor, path: str) -> None:
    visitor.visit(path)
    visitor.take_pictures(f"stranger-{path.strip('/') or 'home'}")
    visitor.check_accessible()
    visitor.check_no_sideways_scroll()


@pytest.mark.parametrize(
    "path",
    ["/models", "/models/upload", "/keys", "/profile", "/models/demo/{model}",
     "/models/demo/{model}/versions/1", "/models/demo/{model}/playground"],
)  # fmt: skip
def test_a_members_pages_are_accessible(slipway: Installation, member: Visitor, path: str) -> None:
    member.visit(path.format(model=slipway.demo["model"]))
    name = path.replace("{model}", "model").strip("/").replace("/", "-")
    member.take_pictures(f"member-{name}")
    member.check_accessible()
    member.check_no_sideways_scroll()


def test_an_inline_script_is_blocked_and_noticed(visitor: Visitor) -> None:
    visitor.visit("/")
    visitor.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'taken over'";
            document.body.append(script);
        }"""
    )
    with pytest.raises(AssertionError, match="Content Security Policy"):
        visitor.check_quiet()
    expect(visitor.page).not_to_have_title("taken over")
    visitor.expect_complaint("Content Security Policy")


def test_the_api_docs_are_drawn_under_the_policy(visitor: Visitor) -> None:
    visitor.visit("/docs")
    expect(visitor.page.locator(".opblock").first).to_be_visible()
    visitor.take_pictures("docs")
    # Redoc's own mark would come from its maker's server; the policy keeps that from being asked.
    visitor.expect_complaint("cdn.redoc.ly")
    visitor.visit("/redoc")
    # It draws every route at once, which takes long where others share the machine.
    expect(visitor.page.get_by_text("/api/v1/models").first).to_be_attached(timeout=60_000)


def test_a_wrong_address_says_so(visitor: Visitor) -> None:
    visitor.expect_complaint("status of 404")
    visitor.visit("/no/such/page")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    expect(visitor.page.get_by_text("Request")).to_be_visible()
    visitor.take_pictures("error")


def test_the_operators_console_is_drawn_under_its_policy(
    slipway: Installation, visitor: Visitor
) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "createsuperuser", "olga@example.org",
         "--password-variable", "OLGAS_PASSWORD"],
        cwd=ROOT,
        env={
            **{k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}},
            "SLIPWAY_HOME": str(slipway.home),
            "OLGAS_PASSWORD": PASSWORD,
        },
        check=True,
    )  # fmt: skip
    log_in(visitor, "olga@example.org", PASSWORD)
    visitor.visit("/admin/registry/model/")
    expect(visitor.page.get_by_role("link", name="Pipeline jobs").first).to_be_visible()
    visitor.take_pictures("console")
    # The theme asks for the system's preference only while it loads.
    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.reload()
    expect(visitor.page.locator("html")).to_have_class(re.compile("dark"))
    visitor.page.screenshot(path=visitor.pictures / "console-dark.png")
