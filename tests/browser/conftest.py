"""A real browser for the tests of this folder: `browser`, `page`, and `folder` for screenshots.

Playwright drives any Chromium that is installed. Where Playwright or a browser is missing, these
tests are skipped and say what to install. A page that meets an error or asks any machine but this
one fails its test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_watch import Watch

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
NEEDED = "pip install -e '.[browser]', then Chromium, Chrome or: playwright install chromium"


def browser_program() -> str | None:
    """The installed browser to drive; None for Playwright's own."""
    names = [os.environ.get("TLHELPERS_BROWSER"), *NAMES]
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A headless Chromium.

    It lives for one module: Playwright runs an event loop in this thread, and the notebooks that
    pytest runs afterwards start their own.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason=f"no Playwright: {NEEDED}")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_api.sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(
                executable_path=browser_program(),
                # Chromium refuses to sandbox for root; containers have little shared memory.
                args=["--disable-dev-shm-usage", *(["--no-sandbox"] if root else [])],
            )
        except sync_api.Error as error:
            pytest.skip(f"no browser: {NEEDED}. {str(error).strip().splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser) -> Iterator:
    """A fresh page, 1280 px wide; at the end it must have seen no error and no other machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    watch = Watch(page)
    yield page
    context.close()
    watch.check()


@pytest.fixture(scope="session")
def folder() -> Path:
    """Where screenshots go, for people to look at; git ignores it."""
    path = ROOT / "build" / "browser"
    path.mkdir(parents=True, exist_ok=True)
    return path
