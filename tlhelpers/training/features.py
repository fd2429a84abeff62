"""Features of a frozen network: computed once, trained on many times."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import InputError, nearest
from ..core.process_group import SINGLE_PROCESS
from ..core.runtime import inference
from ..models.heads import get_head
from .guards import explain_memory_error, explain_size_error


@dataclass
class FeatureTensors:
    """Cached features; a `BatchLoader` takes them like images, so a head is trained with `fit`.

    Attributes:
        features: float32 (V * N, D), on the CPU: all N samples of view 1, then of view 2, ...
        labels: int64 (V * N,).
        classes: names by label.
        views: V, how many augmented passes over the data are cached.
    """

    features: Tensor
    labels: Tensor
    classes: list[str]
    views: int = 1

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index) -> FeatureTensors:
        """The rows `index` (a mask, a slice or positions), as one view."""
        return FeatureTensors(self.features[index], self.labels[index], self.classes)


def extract_features(
    model: nn.Module, loader, *, layer: str | None = None, views: int = 1
) -> FeatureTensors:
    """Run the network once over the data and keep what one of its layers says.

    The network is used in eval mode and without gradients, and is left as it was. A cache forbids
    fresh augmentation; `views` is the remedy: so many augmented passes are cached.

    Args:
        loader: a `BatchLoader` in the data's order (train=False), with `augment` if views > 1.
        layer: name of the module whose output is kept, as in `model.named_modules()`: maps
            (N, C, H, W) and tokens (N, T, C) are averaged to (N, C). None keeps what enters the
            head: the features a new linear head would see. Layers behind it are not computed.
        views: passes over the loader.

    Raises:
        InputError: unknown layer; a shuffling loader; several views without augmentation.
    """
    if getattr(loader, "train", False):
        raise InputError(
            "extract_features needs the data in their own order: use a BatchLoader without "
            "train=True (augment= may stay)."
        )
    if views > 1 and getattr(loader, "augment", None) is None:
        raise InputError(
            f"{views} views without augmentation would be {views} equal copies. "
            "Give the loader augment=..., or leave views at 1."
        )
    processes, n = getattr(loader, "processes", SINGLE_PROCESS), len(loader.data)
    rows, found, filled = len(processes.shard(n)), None, 0

    def keep(output: Tensor) -> None:
        nonlocal found, filled
        output = _pooled(output)
        # One piece for all, asked for once: a small piece from every batch would lie between the
        # large ones that are freed, which then find no room and take memory anew, batch by batch.
        if found is None:
            # float32 so that a head trained on the cache does not inherit bf16's rounding
            found = output.new_empty((views * rows, output.shape[1]), dtype=torch.float32)
        found[filled : filled + len(output)] = output
        filled += len(output)
        raise _Reached

    if layer is None:
        _, head = get_head(model)
        hook = head.register_forward_pre_hook(lambda module, inputs: keep(inputs[0]))
    else:
        modules = dict(model.named_modules())
        if layer not in modules or not layer:
            raise InputError(f'no layer "{layer}".{nearest(layer, [n for n in modules if n])}')
        hook = modules[layer].register_forward_hook(lambda module, inputs, output: keep(output))
    model.to(device=loader.device, memory_format=torch.channels_last)
    try:
        with inference(model, loader.device):
            for _ in range(views):
                for x, y in loader:
                    try:
                        with (
                            explain_memory_error(loader.device, len(y)),
                            explain_size_error(model, x),
                        ):
                            model(x)
                    except _Reached:
                        continue
                    raise InputError(f'the network never runs "{layer}" in its forward pass.')
    finally:
        hook.remove()
    features = found.cpu()  # at the end: moved batch by batch, the device would wait for each
    if processes.size > 1:  # each process has run its share, by itself; now all get the whole
        features = torch.cat([processes.gather(part, n) for part in features.split(rows)])
    labels = loader.data.labels.cpu().repeat(views)
    return FeatureTensors(features, labels, list(loader.classes), views)


def linear_probe(data: FeatureTensors, *, C: float = 1.0) -> nn.Linear:
    """The linear head that fits cached features best, as an `nn.Linear` (D -> K).

    Logistic regression on standardised features (scikit-learn), the standardisation folded into
    the weights, so that the head can be put into the network: `replace_head(model, head)`. Linear
    probing as in Alain & Bengio 2016 (arXiv 1610.01644); as a start for fine-tuning (LP-FT) Kumar
    et al. 2022 (arXiv 2202.10054).

    Args:
        C: inverse strength of the L2 penalty, scikit-learn's convention.

    Raises:
        InputError: fewer than two classes have examples.
    """
    from sklearn.linear_model import LogisticRegression

    present = data.labels.unique()
    if len(present) < 2:
        raise InputError(
            f"a classifier needs examples of two classes or more, the data have "
            f"{[data.classes[i] for i in present.tolist()]}."
        )
    x = data.features.double()
    mean, std = x.mean(0), x.std(0, correction=0).clamp_min(1e-6)
    fitted = LogisticRegression(C=C, max_iter=1000).fit(((x - mean) / std).numpy(), data.labels)
    weight, bias = torch.from_numpy(fitted.coef_), torch.from_numpy(fitted.intercept_)
    if len(weight) == 1:  # two classes: one score s, which equals the two logits (-s/2, s/2)
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    weight = weight / std
    bias = bias - weight @ mean
    head = nn.Linear(x.shape[1], len(data.classes))
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-1e4)  # a class without examples is never predicted
        head.weight[present] = weight.float()
        head.bias[present] = bias.float()
    return head


class _Reached(Exception):
    """The layer wanted has spoken: the rest of the forward pass need not run."""


def _pooled(output: Tensor) -> Tensor:
    """(N, D) of a layer's output: maps (N, C, H, W) and tokens (N, T, C) are averaged."""
    if output.ndim == 4:
        return output.mean((2, 3))
    return output.mean(1) if output.ndim == 3 else output
