"""The map of transfer learning: one tree as data, and its text twin.

Questions and families follow Pan & Yang, "A Survey on Transfer Learning" (2010); every leaf
names the lesson that runs it and a paper to read. `draw_taxonomy` in
`diagrams.py` draws it for notebook 00 and for the opening deck, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LESSONS = {
    0: "Start here",
    1: "Weight freezing",
    2: "AlexNet head swap",
    3: "A network as a feature extractor",
    4: "Style transfer with VGG-16",
    5: "Ants and bees",
    6: "Domain confusion",
    7: "How many layers, how much data?",
    8: "Which model - and when transfer hurts",
    9: "One example, or none",
    10: "Many tasks, few labels, no labels",
    11: "Instances, features, mismatched spaces",
    12: "Words and relations",
    13: "Small updates",
    14: "Your own job",
}


@dataclass(frozen=True)
class Node:
    """One entry of the map: a name, a one-sentence definition, lessons, a paper, its parts."""

    name: str
    definition: str
    lessons: tuple[int, ...] = ()
    paper: str = ""
    children: tuple[Node, ...] = ()

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """Yield ``(depth, node)`` for this node and everything below it, top down."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


# fmt: off
TAXONOMY: tuple[Node, ...] = (
    Node("Where are the labels?", "Which side has labels, and for which classes.",
         children=(
        Node("Inductive", "The target's task differs from the source's, and has some labels.",
             children=(
            Node("Fine-tuning", "Start from the source's weights and train on.",
                 (5, 7), "Yosinski 2014"),
            Node("Multi-task learning", "Train several tasks at once on one backbone.",
                 (10,), "Caruana 1997"),
            Node("Self-taught learning", "Learn features first, from unlabelled data of any class.",
                 (10,), "Raina 2007"))),
        Node("Transductive", "The task is the same in two domains; only the source has labels.",
             children=(
            Node("Domain adaptation", "Make both domains look alike to the classifier.",
                 (6,), "Long 2015", (
                Node("Domain confusion", "Train features that do not tell their domain.",
                     (6,), "Tzeng 2015"),
                Node("Test-time adaptation", "Adapt to each batch at use, without labels.",
                     (13,), "Wang 2021"))),
            Node("Covariate shift", "A biased sample: only the inputs differ, so weight them.",
                 (11,), "Shimodaira 2000"))),
        Node("Unsupervised", "No labels on either side: the target is to group or compress.",
             children=(
            Node("Clustering after transfer", "Group target data by features learnt elsewhere.",
                 (10,), "Dai 2008"),)),
        Node("New classes", "Unseen classes come with a handful of examples, one, or none.",
             children=(
            Node("Few-shot, one-shot", "Compare with one or a few examples in a learnt space.",
                 (9,), "Koch 2015"),
            Node("Zero-shot", "Recognise a class from its description alone.",
                 (9,), "Lampert 2009"),
            Node("Image and text",
                 "One space for pictures and sentences: a sentence names a class.",
                 (9,), "Radford 2021"))))),
    Node("What is carried over?", "The part of the source that the target reuses.",
         children=(
        Node("Instances", "Source examples join the target's training, each with a weight.",
             children=(
            Node("Importance weighting", "Weight an example by how much it is like the target's.",
                 (11,), "Huang 2006"),
            Node("TrAdaBoost", "Trust misleading source examples less with every round.",
                 (11,), "Dai 2007"))),
        Node("Features", "The data get new features, so that what was learnt fits.", children=(
            Node("Asymmetric mapping", "Map one domain's features onto the other's.",
                 (11,), "Sun 2016"),
            Node("Symmetric mapping", "Map both domains into one common space.", (11,), "Pan 2011"),
            Node("Embeddings", "Describe words by vectors learnt on other text.",
                 (12,), "Mikolov 2013"))),
        Node("Parameters", "Weights learnt on the source move into the target's model.", children=(
            Node("Hard sharing", "The very same weights serve both tasks.", (), "", (
                Node("Frozen backbone", "Its weights stay as they are; only a new head is trained.",
                     (1, 2, 3, 4), "Donahue 2014"),
                Node("Shared backbone", "One network trained for all tasks at once.",
                     (10,), "Caruana 1997"))),
            Node("Soft sharing", "Weights may move; the loss grows with the distance.",
                 (7,), "Li 2018"),
            Node("Small updates", "The network stays; a few new numbers beside it are trained.",
                 (13,), "Hu 2021"),
            Node("Averaged weights", "Networks tuned from one start are added or averaged.",
                 (13,), "Wortsman 2022"),
            Node("Distillation", "A small network learns the answers of a large one.",
                 (13,), "Hinton 2015"))),
        Node("Relations", "Rules that connect things are reused, not the things.", children=(
            Node("Relational knowledge", "Map the source's rules to the target's relations.",
                 (12,), "Mihalkova 2007"),
            Node("Sequence order", "What follows what in one text helps to read another.",
                 (12,), "Rabiner 1989"))))),
    Node("Do the inputs match?", "The feature spaces: the same variables on both sides, or not.",
         children=(
        Node("Homogeneous", "The same features on both sides; only distributions differ.",
             children=(
            Node("Direct reuse", "Target inputs go into the source's network as they are.",
                 (3, 5), "Razavian 2014"),
            Node("Correct the shift", "Align or weight until the distributions agree.",
                 (6, 11), "Pan 2010"))),
        Node("Heterogeneous", "Different features on each side: a bridge is needed first.",
             children=(
            Node("Paired bridge", "Learn a map from objects seen in both spaces.",
                 (11,), "Hotelling 1936"),
            Node("Aligned embeddings", "Rotate one embedding space onto the other.",
                 (11, 12), "Xing 2015"))))),
    Node("Should it be transferred?", "The decision: measure whether transfer helps.",
         children=(
        Node("How much", "How deep to keep layers depends on similarity and on data.", children=(
            Node("Layers and data", "Choose what to freeze by size and similarity.",
                 (7,), "Yosinski 2014"),
            Node("Head first, then all", "Fit the head before fine-tuning what is below it.",
                 (7,), "Kumar 2022"))),
        Node("From where", "Sources differ, and a wrong one can cost accuracy.", children=(
            Node("Transferability scores", "Rank pre-trained models before training any.",
                 (8,), "You 2021"),
            Node("Negative transfer", "The target does worse with the source than without.",
                 (8,), "Wang 2019"),
            Node("Signs of a shift", "What the data show of a change, without a label.",
                 (8,), "Garg 2022"),
            Node("Forgetting", "The old job gets worse while a new one is learnt.",
                 (13,), "Kirkpatrick 2017"))),
        Node("How to know", "A job of your own needs evidence that others can check.", children=(
            Node("Leaks and shortcuts", "What makes a result look better than it is.",
                 (14,), "Geirhos 2020"),
            Node("Out of scope", "Refuse pictures that belong to no class.",
                 (14,), "Hendrycks 2017"))))),
)
# fmt: on


def lesson_links(folder: Path | None = None) -> dict[int, str]:
    """Names of the notebooks that exist, by lesson: ``{5: "05_ants_and_bees.ipynb", ...}``."""
    folder = folder or Path(__file__).resolve().parents[2] / "notebooks"
    return {int(p.name[:2]): p.name for p in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def taxonomy_table() -> str:
    """The map as a nested Markdown list, the text twin of `draw_taxonomy`."""
    lines = []
    for depth, node in (pair for question in TAXONOMY for pair in question.walk()):
        lessons = ", ".join(f"{n:02d}" for n in node.lessons)
        tail = "; ".join(filter(None, [f"lesson {lessons}" if lessons else "", node.paper]))
        lines.append(
            "  " * depth + f"- **{node.name}** {node.definition}" + (f" ({tail})" if tail else "")
        )
    return "\n".join(lines)
