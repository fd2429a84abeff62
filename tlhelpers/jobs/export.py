"""A classifier for use without this library: ONNX, TorchScript, or plain weights.

ONNX and TorchScript files take uint8 images (N, 3, S, S), RGB, 0..255, and give probabilities
(N, classes): scaling and normalisation are inside, so that none can be forgotten. uint8 because no
other range can be mistaken for it. What is left to the caller is to bring a picture to S x S pixels
(`card.RESIZE` says how). Class names and all facts are in the file.
"""

from __future__ import annotations

import importlib.metadata
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError, nearest
from ..core.files import atomic_write
from ..models.backbone import Backbone
from .card import RESIZE
from .prediction import load_finetuned

SUFFIXES = {"onnx": ".onnx", "torchscript": ".torchscript", "state-dict": ".pth"}
TOLERANCE = 1e-3  # of a probability, between the file and the network it was made of


class Classifier(nn.Module):
    """uint8 images (N, 3, S, S) to probabilities (N, classes)."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.model = backbone.model.float().to(memory_format=torch.contiguous_format).eval()
        self.register_buffer("mean", torch.tensor(backbone.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(backbone.std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        return self.model((images.float() / 255 - self.mean) / self.std).softmax(1)


def export(model: str | Path, form: str, out: str | Path | None = None) -> Path:
    """Write a fine-tuned classifier as "onnx", "torchscript" or "state-dict"; returns the file.

    Args:
        model: a model.safetensors of `finetune`, or the folder it lies in.
        out: the file; beside the model if None.

    The file is read back and must give the network's own probabilities. A state dict is a dict with
    the tensors under "state_dict" and the facts beside them, for `torch.load(weights_only=True)`.
    Raises `InputError` for an unknown form, for packages that are missing, and for a network that
    cannot be written in this form.
    """
    if form not in SUFFIXES:
        raise InputError(f'no format "{form}".{nearest(form, SUFFIXES)}')
    backbone, source = load_finetuned(model), Path(model)
    source = source / "model.safetensors" if source.is_dir() else source
    path = Path(out) if out is not None else source.with_suffix(SUFFIXES[form])
    if path.resolve() == source.resolve() or path.is_dir() or not path.parent.is_dir():
        raise InputError(f"cannot write {path}. Give --out another file, in a folder that exists.")
    classifier = Classifier(backbone)
    write = {"onnx": _onnx, "torchscript": _torchscript, "state-dict": _state_dict}[form]
    with atomic_write(path) as partial, torch.no_grad():
        read_back = write(classifier, facts_of(backbone), partial)
        _compare(classifier, read_back, backbone.image_size, path)
    return path


def facts_of(backbone: Backbone) -> dict:
    """What belongs to the weights, as JSON can hold it."""
    size = backbone.image_size
    return {
        "classes": list(backbone.categories),
        "backbone": backbone.name,
        "network": backbone.network,
        "image_size": size,
        "mean": list(backbone.mean),
        "std": list(backbone.std),
        "resize": RESIZE,
        "ranges": backbone.ranges,
        "input": f"uint8 (N, 3, {size}, {size}), RGB, 0..255",
        "output": "probabilities (N, classes)",
        "made_by": f"tlhelpers {importlib.metadata.version('tlhelpers')}",
    }


def _onnx(classifier: Classifier, facts: dict, path: Path) -> Callable[[Tensor], Tensor]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  torch's exporter is written in it
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed, which ONNX needs: "
            "pip install onnx onnxruntime onnxscript. Or take --format torchscript."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch says of its own exporter's insides
        program = torch.onnx.export(
            classifier,
            (_example(facts, 2),),
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    proto = program.model_proto
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
    onnx.helper.set_model_props(proto, texts)
    onnx.save(proto, path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def _torchscript(classifier: Classifier, facts: dict, path: Path) -> Callable[[Tensor], Tensor]:
    with warnings.catch_warnings():
        # torch calls it deprecated, and what reads it (C++, phones, servers) is in use.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(classifier, _example(facts, 2), check_trace=False)
        torch.jit.save(traced, str(path), _extra_files={"facts.json": json.dumps(facts)})
        return torch.jit.load(str(path))


def _state_dict(classifier: Classifier, facts: dict, path: Path) -> Callable[[Tensor], Tensor]:
    del facts["input"], facts["output"]  # the network's own: normalised floats, logits
    torch.save({"state_dict": classifier.model.state_dict(), **facts}, path)
    read = torch.load(path, weights_only=True)["state_dict"]
    return lambda images: torch.func.functional_call(
        classifier, {f"model.{name}": tensor for name, tensor in read.items()}, (images,)
    )


def _example(facts: dict, n: int) -> Tensor:
    size = facts["image_size"]
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (n, 3, size, size), dtype=np.uint8))


def _compare(classifier: Classifier, read_back, size: int, path: Path) -> None:
    """The file gives the network's probabilities, also in batches of other sizes."""
    for n in (1, 3):
        images = _example({"image_size": size}, n)
        try:
            difference = float((read_back(images) - classifier(images)).abs().max())
        except Exception as error:  # each runtime has its own kind
            raise InputError(f"{path} cannot be used on {n} images: {error}") from error
        if not difference <= TOLERANCE:
            raise InputError(
                f"{path} was not written: its probabilities differ from the network's by "
                f"{difference:.2g}. Take another --format."
            )
