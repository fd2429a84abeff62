"""The watch on a page bites: errors, scripts that fail, and requests to other machines."""

from __future__ import annotations

import pytest
from page_watch import Watch, is_foreign


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8888/lab", "ws://localhost:1/api", "data:x,", "file:///a.html"]
)
def test_this_machine_is_not_foreign(address):
    assert not is_foreign(address)


@pytest.mark.parametrize("address", ["https://example.org/a.js", "http://localhost.example.org/"])
def test_another_machine_is_foreign(address):
    assert is_foreign(address)


def test_errors_and_foreign_requests_are_noticed(browser):
    page = browser.new_page()
    watch = Watch(page)
    page.set_content("<script>console.error('one')</script><p>text</p>")
    page.set_content("<script>throw new Error('two')</script>")
    page.route("https://example.org/*", lambda route: route.abort())
    page.set_content('<img src="https://example.org/x.png">')
    assert any("one" in error for error in watch.errors)
    assert any("two" in error for error in watch.errors)
    assert watch.foreign == ["https://example.org/x.png"]
    with pytest.raises(AssertionError, match="other machines"):
        watch.check()
    page.close()
