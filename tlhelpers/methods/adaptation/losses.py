"""Losses that make the features of two domains alike.

Features are float tensors (N, D): `source` and `target` may differ in N, never in D. Each loss is a
scalar that gradients flow through.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import InputError

BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # kernel widths, in mean squared distances


def linear_mmd(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the two means: MMD with a linear kernel.

    "Deep domain confusion" (DDC, Tzeng et al. 2014, arXiv 1412.3474) is this loss.
    """
    check_pair(source, target)
    return (source.mean(0) - target.mean(0)).square().sum()


def mmd(source: Tensor, target: Tensor) -> Tensor:
    """Squared maximum mean discrepancy with a sum of five Gaussian kernels.

    Zero exactly where the two samples are the same, at most 10. The kernels' widths are the mean
    squared distance within the joint sample, times 1/4 to 4, and constant for the gradient.
    Gretton et al. 2012; in networks DAN, Long et al. 2015, arXiv 1502.02791.
    """
    check_pair(source, target)
    both = torch.cat([source, target])
    squares = both.square().sum(1)
    distances = (squares[:, None] + squares - 2 * both @ both.T).clamp(min=0)
    # Where all features are equal, the width is 0, and so is the discrepancy.
    width = distances.detach().mean().clamp(min=1e-12)
    kernel = sum(torch.exp(-distances / (width * factor)) for factor in BANDWIDTHS)
    n = len(source)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of the two covariances, over 4 D^2; the means do not count.

    Deep CORAL, Sun & Saenko 2016, arXiv 1607.01719.
    """
    check_pair(source, target)
    if min(len(source), len(target)) < 2:
        raise InputError("coral needs two or more samples of each domain for a covariance.")
    # float32 and not torch.cov: half precision under autocast would lose small covariances
    covariances = [_covariance(features.float()) for features in (source, target)]
    return (covariances[0] - covariances[1]).square().sum() / (4 * source.shape[1] ** 2)


def confusion_loss(domain_logits: Tensor) -> Tensor:
    """Cross-entropy of domain predictions (N, K) with the uniform label; its minimum is log K.

    The loss of the features in the alternating scheme of Tzeng et al. 2015, arXiv 1510.02192; the
    discriminator must be fixed while this loss is minimised.
    """
    if domain_logits.ndim != 2 or domain_logits.shape[1] < 2:
        raise InputError(
            "confusion_loss takes one logit a domain, (N, K) with K >= 2; "
            f"got {tuple(domain_logits.shape)}."
        )
    return -F.log_softmax(domain_logits, dim=1).mean()


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, strength):
        ctx.strength = strength
        return features.view_as(features)  # a new tensor, or autograd would skip this function

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None


def reverse_gradient(features: Tensor, strength: float = 1.0) -> Tensor:
    """The features unchanged; on the way back their gradient is multiplied by `-strength`.

    Ganin & Lempitsky 2015, arXiv 1409.7495; DANN, Ganin et al. 2016, arXiv 1505.07818.
    """
    return _Reversal.apply(features, strength)


def reversal_schedule(progress: float) -> float:
    """DANN's strength of alignment, 0 rising to 1, after a share `progress` of the training.

    2 / (1 + exp(-10 p)) - 1 (Ganin et al. 2016): features come first, confusion later.
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


def gradient_penalty(discriminator: nn.Module, source: Tensor, target: Tensor) -> Tensor:
    """Mean squared slope of the discriminator's log-odds between pairs of features.

    Measured at a random point between each source feature and its target partner, as many of each.
    It keeps a discriminator smooth, so that its gradient always shows the features a direction: the
    zero-centred form of Mescheder et al. 2018 (arXiv 1801.04406) at the points of Gulrajani et al.
    2017 (arXiv 1704.00028).
    """
    if source.shape != target.shape:
        raise InputError(
            "gradient_penalty pairs source and target features, as many of each; "
            f"got {tuple(source.shape)} and {tuple(target.shape)}."
        )
    mix = torch.rand(len(source), 1, device=source.device)
    points = (mix * source + (1 - mix) * target).detach().requires_grad_()
    logits = discriminator(points)
    log_odds = logits[:, 1] - logits[:, 0]
    (slopes,) = torch.autograd.grad(log_odds.sum(), points, create_graph=True)
    return slopes.square().sum(1).mean()


def mutual_information(logits: Tensor) -> Tensor:
    """H(mean prediction) - mean H(prediction), in nats.

    Between a sample and its predicted class: high where predictions are each confident, and varied
    taken together; 0 to log(classes). To be maximised on unlabelled targets (RIM, Krause et al.
    2010; SHOT, Liang et al. 2020, arXiv 2002.08546), or read as a score that needs no labels.
    """
    log_p = F.log_softmax(logits, dim=1)
    mean = log_p.exp().mean(0)
    log_mean = mean.clamp(min=1e-12).log()  # a class never predicted must not make the gradient NaN
    return (log_p.exp() * log_p).sum(1).mean() - (mean * log_mean).sum()


def _covariance(features: Tensor) -> Tensor:
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)


def check_pair(source: Tensor, target: Tensor) -> None:
    """Raise `InputError` unless both are (N, D) features with the same D."""
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise InputError(
            "source and target features must be (N, D) with the same D; got "
            f"{tuple(source.shape)} and {tuple(target.shape)}. Flatten what a convolution returns."
        )
