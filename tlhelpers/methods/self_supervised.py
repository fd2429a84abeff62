"""Labels that a picture makes itself: tasks for pre-training without a label.

Images are float tensors (N, C, H, W), embeddings float tensors (N, D).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError


def rotation_batch(images: Tensor) -> tuple[Tensor, Tensor]:
    """Every square picture in its four quarter turns, and which turn it is.

    Returns (4N, C, H, W) and int64 (4N,): first all pictures as they are (label 0), then all turned
    by 90 degrees against the clock (1), by 180 (2), and by 270 (3). Predicting the turn is the
    pretext task of RotNet (Gidaris et al. 2018, arXiv 1803.07728).

    Raises:
        InputError: the images are not a batch of squares.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise InputError(
            f"rotation_batch takes square images (N, C, H, H); got {tuple(images.shape)}. "
            "A quarter turn of any other picture has another shape."
        )
    turned = torch.cat([torch.rot90(images, turn, (2, 3)) for turn in range(4)])
    return turned, torch.arange(4, device=images.device).repeat_interleave(len(images))


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.5) -> Tensor:
    """Contrastive loss of SimCLR: each view must find its partner among all other views.

    Rows i of `first` and `second`, both (N, D), are two views of picture i. Each of the 2N views is
    a question with 2N - 1 possible answers (all views but itself): cross-entropy of their cosine
    similarities over `temperature`. Where all views are the same vector, it is log(2N - 1).
    Chen et al. 2020, arXiv 2002.05709 (normalised temperature-scaled cross-entropy).

    Raises:
        InputError: the two differ in shape, there are fewer than two pictures, or the temperature
            is not above 0.
    """
    if first.ndim != 2 or first.shape != second.shape or len(first) < 2:
        raise InputError(
            "nt_xent takes two views of the same N >= 2 pictures, both (N, D); got "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    if not temperature > 0:
        raise InputError(f"the temperature of nt_xent is above 0; got {temperature}.")
    n = len(first)
    views = F.normalize(torch.cat([first, second]).float(), dim=1)
    similarity = views @ views.T / temperature
    itself = torch.eye(2 * n, dtype=torch.bool, device=views.device)
    partner = torch.arange(2 * n, device=views.device).roll(n)
    return F.cross_entropy(similarity.masked_fill(itself, -torch.inf), partner)
