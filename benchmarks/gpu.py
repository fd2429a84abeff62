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
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

import tlhelpers as tl  # noqa: E402
from benchmarks import measuring, roofline  # noqa: E402
from benchmarks.gpu_common import (  # noqa: E402
    TARGETS,
    TOY,
    WHOLE,
    peak_memory,
    rates_of,
    reset_peak,
    smooth_image,
)
from benchmarks.gpu_profile import waits  # noqa: E402
from benchmarks.gpu_report import report  # noqa: E402
from benchmarks.gpu_training import backing_off, finetuning, levers, recipe  # noqa: E402
from benchmarks.measuring import spread  # noqa: E402

# The parts; those that train are in gpu_training.py. Each takes the device, the scale and what the
# parts before have found, and returns a dict that can be JSON.


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


if __name__ == "__main__":
    sys.exit(main())
