"""The ants/bees job in a process of its own: every second from the interpreter's start on.

Called by `benchmarks/gpu.py`, which passes the time at which it started this process; prints one
line of JSON. ResNet-18 with random weights: the seconds are those of the real job, its accuracy
says nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

BEGAN = time.time()
ROOT = Path(__file__).resolve().parents[1]


class Stopwatch:
    """Seconds since the last lap, by name."""

    def __init__(self, since: float):
        self.last, self.laps = since, {}

    def lap(self, name: str) -> None:
        now = time.time()
        self.laps[name], self.last = now - self.last, now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spawned", type=float, default=BEGAN, help="when it was started")
    parser.add_argument("--device", default=None)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=int, default=None, help="so many of each split and class")
    options = parser.parse_args()
    watch = Stopwatch(options.spawned)
    watch.laps["interpreter"], watch.last = BEGAN - options.spawned, BEGAN

    import torch
    import torchvision.models  # noqa: F401

    sys.path.insert(0, str(ROOT))
    import tlhelpers as tl

    tl.fit, tl.load_backbone, tl.load_images  # noqa: B018  the rooms are loaded when named
    watch.lap("imports")
    device = tl.get_device(options.device)
    torch.zeros(1, device=device).item()
    watch.lap("device")
    splits, data = load(tl, options.size)
    if options.images:
        splits = [split.per_class(options.images) for split in splits]
    watch.lap("decoding")
    os.environ["TLHELPERS_PROFILE"] = "full"  # torchvision's own ResNet-18, not the course's small
    tl.seed_everything(0)
    backbone = tl.load_backbone("resnet18", pretrained=False)
    backbone.model.fc = torch.nn.Linear(backbone.model.fc.in_features, len(splits[0].classes))
    facts = backbone.preprocessing | {"size": None, "device": device}  # decoded at this size
    train = tl.BatchLoader(
        splits[0], options.batch, train=True, augment=tl.random_resized_crop(), **facts
    )
    val = tl.BatchLoader(splits[1], 64, **facts)
    model = backbone.model.to(device)
    watch.lap("network")

    def fit(validate, **length):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        return tl.fit(model, train, validate, optimizer=optimizer, progress=False, **length)

    fit(None, steps=1)
    tl.evaluate(model, val)
    watch.lap("first step")
    history = fit(val, epochs=options.epochs)
    if device.type == "cuda":
        torch.cuda.synchronize()
    watch.lap("training")
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    facts = {
        "data": data,
        "images": [len(split) for split in splits],
        "epochs": len(history.rows),
        "steps": history.steps,
        "stopped": history.stopped,
        "seconds": watch.laps,
        "peak_bytes": memory,
    }
    print(json.dumps(facts))


def load(tl, size: int) -> tuple[list, str]:
    """Both splits and what they are: the photographs where there are some, else the drawn set."""
    for profile, name in (("full", "photographs"), ("mini", "drawn set")):
        os.environ["TLHELPERS_PROFILE"] = profile
        try:
            return [tl.load_images("ants_bees", s, size=size) for s in ("train", "val")], name
        except tl.AssetError:
            if profile == "mini":
                raise
    raise AssertionError("not reached")


if __name__ == "__main__":
    main()
