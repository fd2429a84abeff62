"""A network on labelled data, without training: accuracy and loss, or its logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.runtime import inference
from ..data.any_loader import as_loader
from .guards import check_same_classes, explain_batch_errors, learned_classes, read_logits
from .metrics import Meter

LossFn = Callable[[Tensor, Tensor], Tensor]


def evaluate(model: nn.Module, loader, loss_fn: LossFn = F.cross_entropy) -> dict[str, float]:
    """Mean loss and accuracy over a loader: {loss, accuracy, correct, n}, summed per sample.

    loader: as in `fit`. Raises `InputError` when its classes are not those the network learned.
    """
    loader = as_loader(loader)
    check_same_classes(learned_classes(model), loader.classes, "this data set")
    model.to(device=loader.device, memory_format=torch.channels_last)
    meter = Meter(loader.device, loader.processes)
    with inference(model, loader.device):
        for x, y in loader:
            with explain_batch_errors(model, x):
                logits = read_logits(model(x), loader.classes)
            meter.add(loss_fn(logits.float(), y), logits, y)
    return meter.result()


def predict(model: nn.Module, loader) -> tuple[Tensor, Tensor]:
    """Logits (N, K) in fp32 and labels (N,), on the CPU, in the loader's order.

    loader: as in `fit`. Of several processes each predicts its shard, and all get the whole.
    """
    loader = as_loader(loader)
    model.to(device=loader.device, memory_format=torch.channels_last)
    logits, labels = [], []
    with inference(model, loader.device):
        for x, y in loader:
            with explain_batch_errors(model, x):
                logits.append(read_logits(model(x)).float())
            labels.append(y)
    parts = [torch.cat(logits).cpu(), torch.cat(labels).cpu()]
    if loader.processes.size > 1:
        parts = [loader.processes.gather(part, len(loader.data)) for part in parts]
    return parts[0], parts[1]
