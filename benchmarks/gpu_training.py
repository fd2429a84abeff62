"""The parts of the GPU benchmark that train: `tl.fit`, the bare step, the tutorial's loop.

Each takes the device, the scale and what the parts before have found, and returns a dict that can
be JSON.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.core.memory import with_smaller_batches

from . import measuring, public_recipe, roofline
from .gpu_common import (
    TARGETS,
    TOY,
    WHOLE,
    bare_step,
    loader_of,
    network,
    peak_memory,
    random_images,
    rates_of,
    reset_peak,
    sgd,
    write_jpegs,
)
from .gpu_profile import compare, waits
from .measuring import spread


def finetuning(device, scale, found) -> dict:
    """Images a second of `tl.fit`, in turns with the bare step on one resident random batch."""
    data = random_images(scale.images, scale.size)
    return {str(batch): finetuning_at(batch, data, device, scale, found) for batch in scale.batches}


def finetuning_at(batch: int, data, device, scale, found) -> dict:
    model, loader = network(device), loader_of(data, batch, device)
    steps = len(loader) * scale.epochs

    def fit(n: int = steps) -> None:
        tl.fit(model, loader, optimizer=sgd(model), steps=n, progress=False)

    bare_model = network(device)
    bare = bare_step(bare_model, batch, scale.size, device)

    def bare_steps(n: int = steps) -> None:
        bare_model.train()
        for _ in range(n):
            bare()

    fit(min(steps, 5)), bare_steps(min(steps, 5))  # warm
    seconds = {"fit": [], "bare": []}
    for _ in range(scale.repeats):
        seconds["fit"].append(roofline.clock(fit, device))
        seconds["bare"].append(roofline.clock(bare_steps, device))
    reset_peak(device)
    fit(min(steps, 3))
    memory = peak_memory(device)
    with roofline.Work() as step_work:
        bare()
    with roofline.Work() as data_work:
        next(iter(loader))
    seen = len(data) * scale.epochs
    fit_rate, bare_rate = (spread(seen / s for s in seconds[k]) for k in ("fit", "bare"))
    limit = batch / step_work.least_seconds(*rates_of(found))
    shares = spread(b / f for f, b in zip(seconds["fit"], seconds["bare"], strict=True))
    result = {
        "fit_images_s": fit_rate,
        "bare_images_s": bare_rate,
        "share": shares,
        "roofline_images_s": limit,
        "share_of_roofline": fit_rate["median"] / limit,
        "step_gflop_per_image": step_work.flops / batch / 1e9,
        "step_mb_per_image": step_work.bytes / batch / 1e6,
        "data_mb_per_image": data_work.bytes / batch / 1e6,
        "tflops_reached": fit_rate["median"] * step_work.flops / batch / 1e12,
        "peak_memory": memory,
        # Of a call with one step and one of three: the difference is what two steps wait.
        "waits": [waits(functools.partial(fit, n), device) for n in (1, 3)],
    }
    if shares["median"] < TARGETS["share of the bare step"] or scale is TOY:
        result["gap"] = compare(lambda: fit(5), lambda: bare_steps(5), 5, device)
    return result


def levers(device, scale, found) -> dict:
    """Images a second of the bare step under other settings of torch, one change at a time."""
    batch = scale.batches[len(scale.batches) // 2]
    plain = {"bf16": True, "channels_last": True, "matmul": "highest", "benchmark": False}
    variants = {
        "as the course": {},
        "without bf16": {"bf16": False},
        "without bf16, TF32 products": {"bf16": False, "matmul": "high"},
        "without channels_last": {"channels_last": False},
        "cudnn.benchmark": {"benchmark": True},
    }
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    result = {}
    try:
        for name, change in variants.items():
            setting = plain | change
            torch.set_float32_matmul_precision(setting["matmul"])
            torch.backends.cudnn.benchmark = setting["benchmark"]
            format = torch.channels_last if setting["channels_last"] else torch.contiguous_format
            step = bare_step(
                network(device, format).train(), batch, scale.size, device, format, setting["bf16"]
            )
            times = roofline.seconds_per_call(step, device, 20 if scale is WHOLE else 1, 5)
            result[name] = spread(batch / s for s in times)
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.benchmark = before[1]
    return {"batch": batch, "images_s": result}


def recipe(device, scale, found) -> dict:
    """Images a second of the usual tutorial's loop: JPEGs, worker processes, fp32, `.item()`."""
    from torch.utils.data import DataLoader

    result = {"jpegs": scale.jpegs}
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(Path(folder), scale.jpegs)
        for batch in scale.recipe_batches:
            # The tutorial's four workers; a batch it does not use gets all the cores there are.
            workers = 4 if batch == 4 else max(4, measuring.machine()["cores"])
            workers = workers if scale is WHOLE else 1
            model, (mean, std) = public_recipe.load_network("resnet18")
            loaders = {
                phase: DataLoader(loader.dataset, batch, shuffle=True, num_workers=workers)
                for phase, loader in public_recipe.load_data(folder, mean, std, workers).items()
            }
            optimizer = public_recipe.prepare(model, "fc", "finetune")
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.1)
            rows = public_recipe.train_model(
                model.to(device),
                loaders,
                nn.CrossEntropyLoss(),
                optimizer,
                scheduler,
                device,
                epochs=4 if scale is WHOLE else 2,
            )
            rates = [scale.jpegs / row["seconds"] for row in rows[1:]]  # the first epoch warms
            result[str(batch)] = {"workers": workers, "images_s": spread(rates)}
    return result


def backing_off(device, scale, found) -> dict:
    """A batch too large for a device that is capped: `with_smaller_batches` finds one that fits.

    On a CPU the refusal is simulated, as there is nothing to cap.
    """
    large, fitting = scale.backoff
    data, model = random_images(2 * large, scale.size), network(device)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def train(batch: int) -> int:
        if device.type == "cpu" and batch > fitting:
            raise torch.OutOfMemoryError(f"simulated: a batch of {batch} is above {fitting}")
        loader = loader_of(data, batch, device)
        tl.fit(model, loader, optimizer=sgd(model), steps=2, progress=False)
        return batch

    restore = functools.partial(model.load_state_dict, start)
    train(fitting)
    restore()
    result = {"asked": large, "simulated": device.type == "cpu"}
    if device.type == "cuda":
        torch.cuda.empty_cache()
        reset_peak(device)
        train(fitting)
        restore()
        cap = 1.3 * torch.cuda.max_memory_reserved(device)
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, cap / total), device)
        result["cap_bytes"] = cap
    try:
        result["went_on_with"] = with_smaller_batches(train, large, restore=restore)
    finally:
        if device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0, device)
    if not all(p.isfinite().all() for p in model.parameters()):
        raise RuntimeError("weights are not finite after backing off")
    if result["went_on_with"] >= large:
        raise RuntimeError("the cap did not bite: nothing was backed off from")
    return result
