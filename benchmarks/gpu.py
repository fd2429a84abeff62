"""All of the course's GPU figures by one command, from a bare checkout, without a network.

    python benchmarks/gpu.py                    # about five minutes on one GPU
    python benchmarks/gpu.py --out gpu.json     # and a copy of the result there
    python benchmarks/gpu.py --quick            # toy sizes, any device, keeps no figure

Needs torch, torchvision, timm, safetensors, scikit-learn, matplotlib, psutil and pytest; nothing of
the course has to be installed. Measured: what the card can do; ResNet-18 fine-tuning by `tl.fit`
against the bare step, the usual tutorial's loop and the roofline; the whole ants/bees job; style
transfer; what happens when memory runs out; then the tests marked `gpu`. The result is written to
benchmarks/results/gpu.json after every part, so that a run that is cut off loses one part only.
Without a GPU only `--quick` runs: it proves the code, and its figures are kept nowhere.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import tlhelpers as tl  # noqa: E402
from benchmarks import measuring, public_recipe, roofline  # noqa: E402
from benchmarks.gpu_profile import compare, waits  # noqa: E402
from benchmarks.measuring import spread  # noqa: E402
from tlhelpers.memory import with_smaller_batches  # noqa: E402

TARGETS = {"share of the bare step": 0.90, "training seconds": 3.0, "style seconds": 2.0}


@dataclass(frozen=True)
class Scale:
    """How much of everything; `TOY` runs all the code in about a minute on two CPU cores."""

    matmul: int
    copy: int
    size: int
    images: int
    batches: tuple[int, ...]
    epochs: int
    repeats: int
    jpegs: int
    recipe_batches: tuple[int, ...]
    job: tuple[str, ...]
    style: tuple[int, int]
    backoff: tuple[int, int]


WHOLE = Scale(
    8192, 2**30, 224, 4096, (64, 128, 256), 2, 7, 1024, (4, 64), (), (512, 300), (256, 64)
)
TOY = Scale(
    256,
    2**22,
    32,
    32,
    (8,),
    1,
    2,
    16,
    (4,),
    ("--epochs=2", "--images=8", "--size=32"),
    (64, 8),
    (8, 2),
)


# The parts. Each takes the device, the scale and what the parts before have found, and returns a
# dict that can be JSON.


def peaks(device, scale, found) -> dict:
    """The card's highest rates: bf16 and TF32 products, copies within its memory."""
    kinds = {"bf16": torch.bfloat16, "tf32": torch.float32}
    result = {
        f"{name}_tflops": spread(
            rate / 1e12 for rate in roofline.matmul_rate(device, dtype, scale.matmul)
        )
        for name, dtype in kinds.items()
    }
    result["copy_gb_s"] = spread(rate / 1e9 for rate in roofline.copy_rate(device, scale.copy))
    return result


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


def job(device, scale, found) -> dict:
    """The ants/bees job in fresh processes: start-up apart from its 25 epochs."""
    runs = []
    for _ in range(max(1, scale.repeats // 2)):
        script = str(ROOT / "benchmarks" / "gpu_job.py")
        command = [sys.executable, script, f"--device={device.type}", *scale.job]
        done = subprocess.run(
            [*command, f"--spawned={time.time()}"], capture_output=True, encoding="utf-8"
        )
        if done.returncode:
            raise RuntimeError(f"the job failed: {done.stderr[-2000:]}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    facts = {k: runs[0][k] for k in ("data", "images", "epochs", "steps", "stopped", "peak_bytes")}
    laps = {lap: spread(run["seconds"][lap] for run in runs) for lap in runs[0]["seconds"]}
    start = spread(sum(run["seconds"].values()) - run["seconds"]["training"] for run in runs)
    return facts | {"seconds": laps, "start_up": start, "training": laps["training"]}


def style(device, scale, found) -> dict:
    """`tl.stylize` with a full-width VGG-16 of random weights: the seconds are the real ones."""
    size, steps = scale.style
    vgg = tl.load_backbone("vgg16", pretrained=False)
    content, painted = (smooth_image(size, seed) for seed in (1, 2))
    run = functools.partial(tl.stylize, vgg, content, painted, size=size, progress=False)
    run(steps=min(10, steps))  # warm
    reset_peak(device)
    results = [run(steps=steps) for _ in range(max(1, scale.repeats // 2))]
    memory = peak_memory(device)
    rates = rates_of(found)
    with roofline.Work() as one:
        run(steps=1)
    with roofline.Work() as two:
        run(steps=2)
    return {
        "size": size,
        "evaluations": [len(result.rows) for result in results],
        "stopped": [result.stopped for result in results],
        "seconds": spread(result.seconds for result in results),
        "gflop_per_evaluation": (two.flops - one.flops) / 1e9,
        "gb_per_evaluation": (two.bytes - one.bytes) / 1e9,
        "roofline_seconds": steps * (two.least_seconds(*rates) - one.least_seconds(*rates)),
        "peak_memory": memory,
        "waits": [waits(functools.partial(run, steps=n), device) for n in (1, 3)],
    }


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


def tests(device, scale, found) -> dict:
    """The tests marked `gpu`; pyproject's options for notebooks are put aside: nbval is no need."""
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-m", "gpu", "tests"]
    # They set what they need; the "full" profile of this process is not for them.
    environment = {k: v for k, v in os.environ.items() if k != "TLHELPERS_PROFILE"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")
    lines = done.stdout.strip().splitlines()
    if done.returncode:
        raise RuntimeError("\n".join([*lines[-40:], done.stderr[-2000:]]))
    return {"outcome": lines[-1]}


PARTS = {  # expected seconds on a card of the H100's kind, for the progress line
    peaks: 10,
    finetuning: 45,
    levers: 20,
    recipe: 60,
    job: 60,
    style: 20,
    backing_off: 15,
    tests: 60,
}


# What the parts are made of.


def random_images(n: int, size: int):
    """n random images as the decoder leaves them: uint8, channels innermost in memory."""
    generator = torch.Generator().manual_seed(0)
    shape = (n, size, size, 3)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return tl.ImageTensors(pixels.permute(0, 3, 1, 2), torch.arange(n) % 2, ["ants", "bees"])


def smooth_image(size: int, seed: int) -> torch.Tensor:
    """A picture (3, size, size) in [0, 1] with shapes of all sizes, as photographs have."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, 3, size, size)
    for cells in (4, 8, 16, 32, 64):
        grid = torch.rand(1, 3, cells, cells, generator=generator)
        image += F.interpolate(grid, (size, size), mode="bicubic") * 4 / cells
    return ((image - image.min()) / (image.max() - image.min()))[0]


def write_jpegs(folder: Path, n: int) -> None:
    """train/ with n and val/ with 8 JPEGs of 500 x 375 pixels, the size of the photographs."""
    from PIL import Image

    pixels = (smooth_image(500, 0)[:, :375] * 255).byte().permute(1, 2, 0)
    for split, count in (("train", n), ("val", 8)):
        for index in range(count):
            name = folder / split / ("ants", "bees")[index % 2] / f"{index:05}.jpg"
            name.parent.mkdir(parents=True, exist_ok=True)
            # Each its own pixels, though decoding takes as long for all.
            Image.fromarray(pixels.roll(index * 7, 1).numpy()).save(name, quality=90)


def network(device, format=torch.channels_last) -> nn.Module:
    """ResNet-18 with random weights and two outputs."""
    torch.manual_seed(0)
    model = tl.load_backbone("resnet18", pretrained=False).model
    model.fc = nn.Linear(model.fc.in_features, 2)
    return model.to(device=device, memory_format=format)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)


def loader_of(data, batch: int, device) -> tl.BatchLoader:
    """The course's way: uint8 on the device, augmented and normalised there."""
    facts = tl.load_backbone("resnet18", pretrained=False).preprocessing | {"size": None}
    augment = tl.random_resized_crop()
    return tl.BatchLoader(data, batch, train=True, augment=augment, device=device, **facts)


def bare_step(model, batch, size, device, format=torch.channels_last, bf16=True):
    """A function: forward, loss, backward, step on one resident batch, as `tl.fit` does them."""
    x = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=format)
    y = torch.arange(batch, device=device) % 2
    optimizer = sgd(model)

    def step() -> None:
        with tl.autocast(device) if bf16 else torch.autocast(device.type, enabled=False):
            logits = model(x)
        loss = F.cross_entropy(logits.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def rates_of(found: dict) -> tuple[dict[torch.dtype, float], float]:
    """FLOP/s by dtype and bytes a second, as `peaks` measured them."""
    median = {name: value["median"] for name, value in found["peaks"].items()}
    flops = {torch.bfloat16: median["bf16_tflops"], torch.float32: median["tf32_tflops"]}
    return {dtype: rate * 1e12 for dtype, rate in flops.items()}, median["copy_gb_s"] * 1e9


def reset_peak(device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device) -> dict | None:
    """Bytes since `reset_peak`: held by tensors, and taken from the card for them."""
    if device.type != "cuda":
        return None
    return {
        "allocated": torch.cuda.max_memory_allocated(device),
        "reserved": torch.cuda.max_memory_reserved(device),
    }


def report(found: dict) -> str:
    """The figures that matter, a line each."""
    lines = []
    if "copy_gb_s" in (p := found.get("peaks", {})):
        rates = [p[k]["median"] for k in ("bf16_tflops", "tf32_tflops", "copy_gb_s")]
        lines.append("peak: bf16 {:.1f}, TF32 {:.1f} TFLOP/s, copy {:.0f} GB/s".format(*rates))
    for batch, f in found.get("finetuning", {}).items():
        if isinstance(f, dict):
            lines.append(
                f"fine-tuning, batch {batch}: fit {f['fit_images_s']['median']:.0f}, bare step "
                f"{f['bare_images_s']['median']:.0f} images/s (share {f['share']['median']:.3f}, "
                f"target {TARGETS['share of the bare step']}), roofline "
                f"{f['roofline_images_s']:.0f}"
            )
            if gap := f.get("gap"):
                walls, busy, calls = (
                    gap[key] for key in ("wall_ms_per_step", "busy", "launches_per_step")
                )
                lines.append(
                    f"  fit | bare: {walls[0]:.2f} | {walls[1]:.2f} ms a step, device busy "
                    f"{busy[0]:.2f} | {busy[1]:.2f}, launches {calls[0]:.0f} | {calls[1]:.0f}"
                )
                lines += [
                    f"  {row['ms']:8.3f} | {row['other_ms']:8.3f} ms  {row['name']}"
                    for row in gap["operations"][:8]
                ]
    for name, rate in found.get("levers", {}).get("images_s", {}).items():
        lines.append(f"bare step, {name}: {rate['median']:.0f} images/s")
    for batch, r in found.get("recipe", {}).items():
        if isinstance(r, dict):
            rate, workers = r["images_s"]["median"], r["workers"]
            lines.append(f"tutorial's loop, batch {batch}, {workers} workers: {rate:.0f} images/s")
    if "training" in found.get("job", {}):
        j = found["job"]
        lines.append(
            f"ants/bees, {j['epochs']} epochs ({j['data']}): start-up {j['start_up']['median']:.2f}"
            f" s, training {j['training']['median']:.2f} s (target {TARGETS['training seconds']})"
        )
    if "seconds" in found.get("style", {}):
        s = found["style"]
        lines.append(
            f"style, {s['size']} px, {s['evaluations'][0]} evaluations: "
            f"{s['seconds']['median']:.2f} s (target {TARGETS['style seconds']}), roofline "
            f"{s['roofline_seconds']:.2f} s"
        )
    if "went_on_with" in found.get("backing_off", {}):
        b = found["backing_off"]
        how = " (simulated)" if b["simulated"] else ""
        lines.append(f"out of memory at {b['asked']}: went on with {b['went_on_with']}{how}")
    if "outcome" in found.get("tests", {}):
        lines.append(f"tests: {found['tests']['outcome']}")
    lines += [f"FAILED {name}: {f['failed']}" for name, f in found.items() if "failed" in f]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="copy the result there, too")
    parser.add_argument("--quick", action="store_true", help="toy sizes, figures are not kept")
    names = {part.__name__: part for part in PARTS}
    parser.add_argument("--only", nargs="+", choices=names, help="some parts, figures are not kept")
    options = parser.parse_args()
    gpu = torch.cuda.is_available()
    if not gpu and not options.quick:
        print("torch sees no CUDA device. --quick runs the same code at toy size on the CPU.")
        return 2
    device = torch.device("cuda" if gpu else "cpu")
    scale = TOY if options.quick else WHOLE
    keep = gpu and not options.quick and not options.only
    if not keep:
        where = torch.cuda.get_device_name() if gpu else "the CPU"
        print(
            f"Toy sizes or some parts only, on {where}: these are not the GPU's figures; nothing "
            "is written."
        )
    os.environ["TLHELPERS_PROFILE"] = "full"  # torchvision's networks, not the course's small ones
    found: dict[str, dict] = {}
    wanted = [names[name] for name in options.only] if options.only else list(PARTS)
    if {finetuning, style} & set(wanted) and peaks not in wanted:
        wanted.insert(0, peaks)
    for number, part in enumerate(wanted, start=1):
        name, began = part.__name__, time.perf_counter()
        expected = "" if options.quick else f", about {PARTS[part]} s"
        print(f"{number}/{len(wanted)} {name}{expected}", flush=True)
        try:
            found[name] = part(device, scale, found)
        except Exception as error:  # the other parts are worth having without it
            traceback.print_exc()
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
        print(f"    {time.perf_counter() - began:.1f} s", flush=True)
        if keep:
            path = measuring.write_result("gpu", {"targets": TARGETS, **found})
            if options.out:
                shutil.copy(path, options.out)
    print(report(found))
    return 1 if any("failed" in result for result in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
