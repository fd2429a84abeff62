"""The measure of contrast finds what is pale, also where a colour lets another shine through."""

from __future__ import annotations

from contrast import PALE


def test_pale_text_is_found(page):
    page.set_content(
        """<p style="color:black">dark</p> <p style="color:#888">pale</p>
        <p style="color:#888; font-size:30px">large</p> <style>p {margin: 0}</style>
        <div style="background:black"><p style="color:#0008">hidden</p>
        <p style="background:#fffc; color:black">black on a white veil</p></div>"""
    )
    assert page.locator("body").evaluate(PALE) == ["3.5: pale", "1.0: hidden"]
