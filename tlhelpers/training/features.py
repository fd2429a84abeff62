"""Features of a frozen network: computed once, trained on many times."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.runtime import inference
from ..data.any_loader import as_loader
from ..data.loader import BatchLoader
from .guards import explain_batch_errors
from .layer_output import read_layer


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
    """Run the network once over the data and keep the output of one of its layers.

    The network is used in eval mode and without gradients; afterwards it is as it was, except that
    it stays on the loader's device. A cache forbids fresh augmentation; `views` is the remedy: so
    many augmented passes are cached.

    Args:
        loader: a `BatchLoader` in the data's order (train=False), with `augment` if views > 1; or
            torch's `DataLoader` without `shuffle`.
        layer: name of the module whose output is kept, as in `model.named_modules()`: maps and
            tokens are averaged to (N, C), see
            `layer_output`. None keeps what enters the head: the
            features a new linear head would see. Layers behind it are not computed.
        views: passes over the loader.

    Raises:
        InputError: unknown layer; an output of unknown layout; a shuffling loader; several views
            without augmentation.
    """
    loader = as_loader(loader)
    if getattr(loader, "train", False) or getattr(loader, "shuffles", False):
        raise InputError(
            "extract_features needs the data in their own order: use a BatchLoader without "
            "train=True (augment= may stay), or a DataLoader without shuffle=True."
        )
    if views > 1 and isinstance(loader, BatchLoader) and loader.augment is None:
        raise InputError(
            f"{views} views without augmentation would be {views} equal copies. "
            "Give the loader augment=..., or leave views at 1."
        )
    model.to(device=loader.device, memory_format=torch.channels_last)
    rows = _Rows()
    labels = []
    with inference(model, loader.device), read_layer(model, layer) as read:
        for _ in range(views):
            for x, y in loader:
                with explain_batch_errors(model, x):
                    rows.add(read(x), views * len(loader))
                labels.append(y)
    features, labels = rows.found.cpu(), torch.cat(labels).cpu()
    if loader.processes.size > 1:  # each process has run its shard; now all get the whole
        n, shard = len(loader.data), len(labels) // views
        features, labels = (
            torch.cat([loader.processes.gather(part, n) for part in whole.split(shard)])
            for whole in (features, labels)
        )
    # A data set without class names gets its label numbers as names: a head needs their count.
    classes = loader.classes or [str(label) for label in range(int(labels.max()) + 1)]
    return FeatureTensors(features, labels, list(classes), views)


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


class _Rows:
    """Rows of features in one piece of memory, on the device.

    Small tensors kept from every batch would break up the memory that the large ones leave behind,
    so that each batch takes new memory. And on a GPU each copy to the CPU would wait.
    """

    def __init__(self):
        self._all, self._filled = None, 0

    @property
    def found(self) -> Tensor:
        return self._all[: self._filled]

    def add(self, output: Tensor, batches: int) -> None:
        """Append `output` (B, D), one of so many batches."""
        if self._all is None or self._filled + len(output) > len(self._all):
            # As a rule no batch is larger than the first, and this happens once. float32 so that a
            # head trained on the cache does not inherit bf16's rounding.
            more = output.new_empty((batches * len(output), output.shape[1]), dtype=torch.float32)
            self._all = more if self._all is None else torch.cat([self.found, more])
        self._all[self._filled : self._filled + len(output)] = output
        self._filled += len(output)
