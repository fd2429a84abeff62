"""Barriers on a page or a deck: what axe-core, a narrow window and a slide's edge show.

axe-core (Deque) tests against WCAG 2.2, as far as a machine can: names, roles, order, contrast,
what a keyboard reaches.
"""

from __future__ import annotations

import importlib.resources
import os
from pathlib import Path
from urllib.parse import unquote

# axe-core takes ten times as long with a <span> around each word of code. One of each kind a place
# is as good: same colours on the same ground.
ONE_OF_EACH_KIND = """() => {
  for (const folded of document.querySelectorAll('details')) folded.open = true
  const seen = new Set()
  for (const code of document.querySelectorAll('pre')) {
    const place = code.closest('.input_area') ? 'cell' : code.closest('.output_area')?.className
    for (const word of [...code.querySelectorAll('span[class]')].reverse()) {
      const kind = `${place} ${word.className}`
      if (word.querySelector('span[class]')) continue
      if (seen.has(kind)) word.replaceWith(word.textContent)
      seen.add(kind)
    }
    code.normalize()
  }
}"""

# What of a slide lies outside of it, is too small, or does not show; as slides/look.mjs measures.
FAULTS_OF_SLIDES = """() => {
  const found = []
  const slides = document.querySelectorAll('svg[data-marpit-svg] > foreignObject > section')
  slides.forEach((section, index) => {
    const frame = section.getBoundingClientRect(), scale = frame.width / section.offsetWidth
    const say = (what, e) => found.push(
      `slide ${index + 1}: ${what}: <${e.tagName}> ` +
      (e.textContent || e.alt || '').trim().slice(0, 40))
    for (const e of section.querySelectorAll('*')) {
      if (e.closest('footer') || e.closest('mjx-container')) continue
      const box = e.getBoundingClientRect()
      if (!box.width) continue
      const left = (box.left - frame.left) / scale, right = (box.right - frame.left) / scale
      const bottom = (box.bottom - frame.top) / scale
      if (left < 20 || right > section.offsetWidth - 20 || bottom > section.offsetHeight - 46)
        say('over the edge', e)
      const hides = getComputedStyle(e).display !== 'inline' && e.clientWidth
      if (hides && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 16))
        say('does not fit', e)
      if (parseFloat(getComputedStyle(e).fontSize) < 16) say('small type', e)
      if (e.tagName === 'IMG' && !e.naturalWidth) say('no picture', e)
    }
  })
  return [slides.length, found]
}"""

LINKS = """() => [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))
  .filter(address => !/^[a-z]+:/.test(address))"""
NAMES = "() => [...document.querySelectorAll('[id], a[name]')].map(e => e.id || e.name)"


def barriers(page, only: str = "") -> list[str]:
    """What axe-core finds on the page as it stands; `only` names one of its rules."""
    script = importlib.resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(script.read_text(encoding="utf-8"))
    rules = f", runOnly: ['{only}']" if only else ""
    found = page.evaluate(f"axe.run({{resultTypes: ['violations']{rules}}})")["violations"]
    return [
        f"{rule['impact']} {rule['id']}, {len(rule['nodes'])} times ({rule['help']}), first: "
        f"{rule['nodes'][0]['html'][:200]} {rule['nodes'][0]['failureSummary']}"
        for rule in found
    ]


def width(page) -> int:
    """How wide the page is; more than its window, and a reader has to scroll sideways."""
    return page.evaluate("document.scrollingElement.scrollWidth")


def lost_links(page, home: Path, pages: dict[str, set[str]]) -> list[str]:
    """Links that lead nowhere, of a page that lies in the folder `home`.

    `pages` maps the names of pages to the anchors that they have.
    """
    here = set(page.evaluate(NAMES))
    lost = []
    for address in page.evaluate(LINKS):
        file, _, anchor = address.partition("#")
        file = unquote(file)
        anchors = here if not file else pages.get(file)
        if anchors is None and not Path(os.path.normpath(home / file)).exists():
            lost.append(address)
        elif anchor and anchors is not None and not {anchor, unquote(anchor)} & anchors:
            lost.append(address)
    return lost
