"""The five articles whose claims the course puts to the test."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import InputError, nearest


@dataclass(frozen=True)
class Source:
    """An article: who published it, its title, and its address ("" where none is known)."""

    publisher: str
    title: str
    address: str = ""

    @property
    def markdown(self) -> str:
        """The article as a text cell cites it: the publisher, linked where an address is known."""
        return f"[{self.publisher}]({self.address})" if self.address else self.publisher


SOURCES = {
    source.publisher: source
    for source in (
        Source(
            "eInfochips",
            "How Does Transfer learning Speeds Up Deep Learning Projects?",
            "https://www.einfochips.com/blog/how-does-transfer-learning-speeds-up-deep-learning-projects/",
        ),
        Source(
            "a beginner's blog",
            "What is Transfer Learning and why it is the most important thing in deep learning?",
        ),
        Source(
            "Arbisoft",
            "Transfer Learning in Deep Learning: Using Pre-trained Models for Quick Wins",
        ),
        Source(
            "LeewayHertz",
            "Accelerating AI model training with transfer learning",
            "https://www.leewayhertz.com/transfer-learning/",
        ),
        Source("Javatpoint", "Introduction to Transfer Learning in ML"),
    )
}


def find_source(publisher: str) -> Source:
    """The article of this publisher. Raises `InputError` for an unknown one."""
    if publisher not in SOURCES:
        raise InputError(f'There is no source "{publisher}".{nearest(publisher, SOURCES)}')
    return SOURCES[publisher]


def sources_table() -> str:
    """All five articles as a Markdown table, for the start page."""
    rows = ["| source | title |", "|---|---|"]
    rows += [f"| {source.markdown} | {source.title} |" for source in SOURCES.values()]
    return "\n".join(rows)
