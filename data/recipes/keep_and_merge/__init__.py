"""The parts of `keep_and_merge_table`: the pictures, the network of several heads, and training.

The source are the letters of `tl.load_source("letters")`: its pictures can be drawn on the spot, so
that what a network forgets of them can be measured. Settings were chosen on the tuning seeds.
"""

from __future__ import annotations

import copy
import functools

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl

SEEDS, TUNING_SEEDS = range(5), (100, 101)
BATCH, STEPS, SHOTS = 16, 60, 20
SOURCE_TEST, TEST, STRIPES = 280, 300, 4
SOURCE = tl.load_source("letters")
LETTERS = "".join(SOURCE.categories)
DIGITS = "0123456789"


def letters(count: int, seed: int) -> tl.ImageTensors:
    """Pictures like those that the source network was trained on."""
    glyphs = tl.font_glyphs(count, LETTERS, seed=seed)
    return tl.glyph_images(glyphs, LETTERS, coloured=True, seed=seed)


@functools.cache
def source_parts() -> dict[str, tl.ImageTensors]:
    """Letters to keep (the rehearsal's and the Fisher information's), to tune and to report on."""
    sizes = {"keep": 560, "tune": SOURCE_TEST, "test": SOURCE_TEST}
    return {part: letters(size, 900 + i) for i, (part, size) in enumerate(sizes.items())}


@functools.cache
def handwriting() -> tl.ImageTensors:
    """All handwritten digits, in one random order."""
    data = tl.glyph_images(tl.handwriting())
    return data[torch.randperm(len(data), generator=torch.Generator().manual_seed(7))]


@functools.cache
def targets(seed: int) -> dict[str, dict[str, tl.ImageTensors]]:
    """Handwriting and stripes, split anew for each seed: to learn from, unlabelled, to report on.

    A tuning seed is tested on other pictures than the reported seeds.
    """
    part = "tune" if seed in TUNING_SEEDS else "test"
    written = handwriting()
    pool, held_out = (
        written[:1000],
        {"tune": written[1000:1200], "test": written[1200 : 1200 + TEST]}[part],
    )
    striped, on = (
        tl.gratings(n, classes=STRIPES, size=64, seed=start + seed)
        for n, start in ((2 * STRIPES * SHOTS, 1000), (TEST, 2000))
    )
    return {
        "handwriting": {"learn": pool.per_class(SHOTS, seed=seed), "pool": pool, "test": held_out},
        "stripes": {"learn": striped, "test": on},
    }


def batches(data: tl.ImageTensors, size: int = 100, **options) -> tl.BatchLoader:
    """Batches as the source network takes them."""
    return tl.BatchLoader(data, size, device="cpu", mean=SOURCE.mean, std=SOURCE.std, **options)


def endless(data: tl.ImageTensors, generator: torch.Generator, size: int = BATCH):
    """Training batches without an end."""
    while True:
        yield from batches(data, size, train=True, generator=generator)


def source_trunk() -> tuple[nn.Module, nn.Module]:
    """The source network without its head, and the head."""
    trunk = copy.deepcopy(SOURCE.model)
    head = trunk.fc
    tl.replace_head(trunk, nn.Identity())
    return trunk.eval(), head.requires_grad_(False)


def new_head(data: tl.ImageTensors, seed: int, features: int = 64) -> nn.Linear:
    """A head for the classes of `data`, with small random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(features, len(data.classes))
        nn.init.normal_(head.weight, 0, 0.01)
        nn.init.zeros_(head.bias)
    return head


@torch.no_grad()
def accuracy(trunk: nn.Module, head: nn.Module, data: tl.ImageTensors) -> float:
    """Share of the pictures that are recognised."""
    trunk.eval()
    return sum((head(trunk(x)).argmax(1) == y).sum().item() for x, y in batches(data)) / len(data)


def train(
    trunk, head, data, rate, seed, *, steps=STEPS, penalty=None, memory=(), statistics="move",
    loss_fn=F.cross_entropy, batch=BATCH,
) -> nn.Module:  # fmt: skip
    """Train what is not frozen of the trunk, and the head, in place; returns the trunk.

    penalty: function of the trunk that is added to the loss. memory: pairs (head, pictures) of old
    tasks, a batch of each is mixed in. statistics: BatchNorm's "move" or "stay".
    """
    generator = torch.Generator().manual_seed(seed)
    free = [p for p in trunk.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([*free, *head.parameters()], rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.15
    )
    stream = endless(data, generator, batch)
    old = [(kept, endless(pictures, generator, batch)) for kept, pictures in memory]
    trunk.train(statistics == "move")
    for _ in range(steps):
        x, y = next(stream)
        drawn = [next(more) for _, more in old]
        z = trunk(torch.cat([x, *(more for more, _ in drawn)])).split(
            [len(x), *(len(more) for more, _ in drawn)]
        )
        loss = loss_fn(head(z[0]), y)
        for (kept, _), (_, label), part in zip(old, drawn, z[1:], strict=True):
            loss = loss + F.cross_entropy(kept(part), label)
        if penalty is not None:
            loss = loss + penalty(trunk)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return trunk.eval()
