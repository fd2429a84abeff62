"""The five articles, and the papers, whose claims the course puts to the test."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import InputError, nearest


@dataclass(frozen=True)
class Source:
    """An article or a paper: who published it, its title, its address ("" where none is known)."""

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

# Lesson 13 tests what is newer than the articles: claims of these papers.
PAPERS = {
    source.publisher: source
    for source in (
        Source(
            "Hu et al. 2021",
            "LoRA: Low-Rank Adaptation of Large Language Models",
            "https://arxiv.org/abs/2106.09685",
        ),
        Source(
            "Kirkpatrick et al. 2017",
            "Overcoming catastrophic forgetting in neural networks",
            "https://arxiv.org/abs/1612.00796",
        ),
        Source(
            "Wortsman et al. 2022",
            "Model soups: averaging weights of multiple fine-tuned models improves accuracy "
            "without increasing inference time",
            "https://arxiv.org/abs/2203.05482",
        ),
    )
}


def find_source(publisher: str) -> Source:
    """The article or paper of this publisher. Raises `InputError` for an unknown one."""
    known = SOURCES | PAPERS
    if publisher not in known:
        raise InputError(f'There is no source "{publisher}".{nearest(publisher, known)}')
    return known[publisher]


def sources_table() -> str:
    """All five articles as a Markdown table, for the start page."""
    rows = ["| source | title |", "|---|---|"]
    rows += [f"| {source.markdown} | {source.title} |" for source in SOURCES.values()]
    return "\n".join(rows)
