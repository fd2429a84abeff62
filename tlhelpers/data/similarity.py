"""Pictures that are copies of one picture, found from thumbnails.

A thumbnail becomes a short vector: its lowest frequencies (a cosine transform), each weighted by
its frequency, because natural images hold less of the higher ones, and clipped, so that no edge
rules it. What all pictures of a set have in common is taken off. The cosine of two such vectors is
about 0 for unrelated pictures and 1 for copies; brightness, contrast, file format and size do not
matter. Cropping does, so every pair that is somewhat alike is compared again with each picture
cropped in 14 ways against the whole of the other.

Measured on the 396 photographs of ants and bees and on the 397 drawn ones (78,000 pairs each): the
most alike unrelated pair has .49 (photographs) and .60 (drawings), so none is called a copy. All
copies were found that had JPEG quality 30 to 95, .3 to 2 times the size, other brightness, or 2 to
5 % of each side cropped; with 10 % cropped, 95 %.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64  # of a thumbnail
GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue
_COARSE, _FINE = 8, 16  # frequencies along each side
_ALIKE, _COPY = 0.5, 0.7  # cosines: worth a closer look; a copy
_FLAT = 3.0  # grey levels: below this standard deviation there is nothing to compare
_CROWD = 20  # pictures: a larger group is looked at again
_CHUNK = 512
# (top, bottom, left, right) of what is kept, as shares: the whole, then 95 % and 90 % of each side.
_WHOLE = (0.0, 1.0, 0.0, 1.0)
_CROPS = [
    (top, top + share, left, left + share)
    for share, offsets in ((0.95, (0, 0.05)), (0.9, (0, 0.05, 0.1)))
    for top in offsets
    for left in offsets
] + [(0.025, 0.975, 0.025, 0.975)]


def thumbnails(images: Tensor) -> Tensor:
    """Grey uint8 (N, 64, 64) of uint8 images (N, 3, H, W)."""
    small = [
        F.interpolate(part.float(), (SIDE, SIDE), mode="bilinear", antialias=True)
        for part in images.split(256)
    ]
    grey = torch.cat(small) if small else images.new_zeros((0, 3, SIDE, SIDE)).float()
    return torch.einsum("nchw,c->nhw", grey, torch.tensor(GREY)).round().to(torch.uint8)


def similar_pairs(thumbs: Tensor) -> Tensor:
    """All pairs of rows (P, 2), the smaller first, whose pictures are copies of each other.

    Mirrored copies count too. Flat pictures, such as a plain colour, are like no other.
    """
    rows = (thumbs.float().flatten(1).std(1) > _FLAT).nonzero().flatten()
    return rows[_pairs(thumbs[rows])].unique(dim=0)


def linked_groups(pairs: Tensor, n: int) -> Tensor:
    """A number for each of n rows, the same for rows linked by pairs: the first row of them."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), pairs.T.numpy()), shape=(n, n))
    component = torch.from_numpy(connected_components(links, directed=False)[1]).long()
    return torch.full((n,), n).scatter_reduce(0, component, torch.arange(n), "amin")[component]


def _pairs(thumbs: Tensor) -> Tensor:
    pairs = _pairs_at_once(thumbs)
    groups = linked_groups(pairs, len(thumbs))
    for first, size in zip(*groups.unique(return_counts=True), strict=True):
        # Perhaps no copies, but a part of the set taken from one place: look at it by itself.
        if _CROWD < size < len(thumbs):
            rows = (groups == first).nonzero().flatten()
            others = pairs[groups[pairs[:, 0]] != first]
            pairs = torch.cat([others, rows[_pairs(thumbs[rows])]])
    return pairs


def _pairs_at_once(thumbs: Tensor) -> Tensor:
    coarse, fine = _Described(thumbs, _COARSE), _Described(thumbs, _FINE)
    found = []
    for flip in (False, True):
        other = thumbs.flip(2) if flip else thumbs
        coarse_other, fine_other = _Described(other, _COARSE), _Described(other, _FINE)
        alike = []
        for start in range(0, len(thumbs), _CHUNK):
            near = coarse.whole[start : start + _CHUNK] @ coarse_other.whole[start:].T >= _ALIKE
            pairs = near.nonzero() + start
            alike.append(pairs[pairs[:, 0] < pairs[:, 1]])
        pairs = torch.cat(alike) if alike else torch.zeros((0, 2), dtype=torch.long)
        a, b = pairs.T
        best = torch.maximum(_best_crop(fine, fine_other, a, b), _best_crop(fine_other, fine, b, a))
        found.append(pairs[best >= _COPY])
    return torch.cat(found)


class _Described:
    """Vectors of thumbnails, without what all pictures of the set have in common.

    Pictures taken from one place, such as X-rays or parts on a belt, share most of their structure
    and would all be copies of each other. For a few pictures the mean says little, and counts less.
    """

    def __init__(self, thumbs: Tensor, k: int):
        self.thumbs, self.k = thumbs, k
        vectors = _describe(thumbs, k)
        self.common = vectors.sum(0) / (len(vectors) + 20)
        self.whole = F.normalize(vectors - self.common)

    def window(self, rows: Tensor, window: tuple[float, ...]) -> Tensor:
        return F.normalize(_describe(self.thumbs[rows], self.k, window) - self.common)


def _best_crop(cropped: _Described, whole: _Described, a: Tensor, b: Tensor) -> Tensor:
    """The highest cosine of any crop of the pictures `a` with the whole of the pictures `b`."""
    best = torch.zeros(len(a))
    used, at = a.unique(return_inverse=True)
    for window in (_WHOLE, *_CROPS):
        vectors = cropped.window(used, window)
        for rows in torch.arange(len(a)).split(50_000):
            cosines = (vectors[at[rows]] * whole.whole[b[rows]]).sum(1)
            best[rows] = torch.maximum(best[rows], cosines)
    return best


def _describe(thumbs: Tensor, k: int, window: tuple[float, ...] = _WHOLE) -> Tensor:
    """Unit vectors (N, k*k - 1) of a window of each thumbnail; the mean brightness is left out."""
    top, bottom, left, right = window
    vertical, horizontal = _cosines(k, top, bottom), _cosines(k, left, right)
    at = torch.arange(k)
    weight = (at[:, None] ** 2 + at[None] ** 2).sqrt()
    parts = []
    for part in thumbs.split(4096):
        values = (vertical @ part.float() @ horizontal.T * weight).flatten(1)[:, 1:]
        values = values / values.abs().mean(1, keepdim=True).clamp_min(1e-6)
        parts.append(F.normalize(values.clamp(-2, 2)))
    return torch.cat(parts) if parts else torch.zeros((0, k * k - 1))


@functools.cache
def _cosines(k: int, begin: float, end: float) -> Tensor:
    """k cosines over a window, as weights of the thumbnail's SIDE pixels: (k, SIDE)."""
    samples = SIDE // 2
    edges = torch.linspace(begin * SIDE, end * SIDE, samples + 1)[:, None]
    pixels = torch.arange(SIDE)
    low, high = torch.maximum(edges[:-1], pixels), torch.minimum(edges[1:], pixels + 1)
    area = (high - low).clamp_min(0) / (edges[1:] - edges[:-1])
    phase = (torch.arange(samples) + 0.5) * math.pi / samples
    return torch.cos(torch.arange(k)[:, None] * phase) @ area
