"""What all parts start from: networks that read letters, and few images of digits."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.methods.adaptation.networks import jitter

CAPITALS, SMALL, SIGNS = "ABCDEFGHJKLMNPQRTUVWXYZ", "abdefghmnpqrtuy", "!#$%&()+/=?@[]"
LETTERS = CAPITALS + SMALL
BATCH, PRETRAINING = 32, 300


def draw(part, n: int = BATCH, moved: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """A random batch, each picture moved a little."""
    chosen = torch.randint(len(part), (n,))
    images = part.images[chosen]
    return jitter(images) if moved else images, part.labels[chosen]


@torch.no_grad()
def accuracy(network: nn.Module, part) -> float:
    """Share of right answers, in eval mode."""
    return (network.eval()(part.images).argmax(1) == part.labels).float().mean().item()


@functools.lru_cache(maxsize=3)
def source_network(
    seed: int, characters: str = LETTERS, steps: int = PRETRAINING, glyphs: int = 4000
) -> nn.Module:
    """A digit network that reads printed characters; do not change it, take a copy."""
    torch.manual_seed(seed)
    part = tl.font_glyphs(glyphs, characters, seed=seed)
    network = tl.digit_network(len(characters)).train()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(steps):
        images, labels = draw(part, 64)
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return network.eval()


@functools.lru_cache(maxsize=3)
def parts(seed: int) -> dict:
    """Pools to draw training images from, and the test sets."""
    written = tl.handwriting()
    order = torch.randperm(len(written), generator=torch.Generator().manual_seed(seed))
    printed = tl.font_glyphs(1600, seed=5000 + seed)
    return {
        "handwriting": written[order[:1197]],
        "handwriting test": written[order[1197:]],
        "print": printed[:1000],
        "print test": printed[1000:],
        "letters test": tl.font_glyphs(600, LETTERS, seed=9000 + seed),
    }


def few(part, count: int, seed: int):
    """`count` images of each class, at random, in random order."""
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))
    labels = part.labels[order]
    rows = torch.cat([order[labels == digit][:count] for digit in range(10)])
    return part[rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]]
