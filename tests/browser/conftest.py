"""One copy of the course, one JupyterLab and one Chromium for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lab_driver
import pytest
from lab_driver import Lab
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright


@pytest.fixture(scope="session")
def lab(shared_course_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab, started the way ``make lab`` starts it."""
    with lab_driver.running_lab(shared_course_copy, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def instructors_lab(shared_course_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with nbgrader's panels for instructors."""
    home = tmp_path_factory.mktemp("instructors-home")
    with lab_driver.running_lab(shared_course_copy, home, "--instructor") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium from the system: the tests download none."""
    try:
        chromium = lab_driver.find_chromium()
    except lab_driver.NoBrowser as error:
        pytest.fail(str(error), pytrace=False)
    expect.set_options(timeout=lab_driver.PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=list(lab_driver.CHROMIUM_ARGUMENTS)
        )
        yield running
        running.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


_FAILED = pytest.StashKey[bool]()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh window, English and as large as a small laptop's; a failing test leaves a picture of it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.set_default_timeout(lab_driver.PATIENCE)
    page = context.new_page()
    outside: list[str] = []

    def refuse(route: Route) -> None:
        outside.append(route.request.url)
        route.abort()

    context.route(_is_outside, refuse)
    yield page
    if request.node.stash.get(_FAILED, True):
        lab_driver.shot(page, f"failed-{request.node.name}")
    context.close()
    asked = [url for url in outside if not url.startswith(MATHJAX)]
    assert not asked, f"the course works offline, and the page asked for {asked}"


# nbgrader's grading page asks for it, and shows formulas as they were typed where it is not to be had.
MATHJAX = "https://cdnjs.cloudflare.com/ajax/libs/mathjax/"


def _is_outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))
