"""How the cost grows: with the number of images, the number of epochs, the side of the images.

    python -m benchmarks.growth [--counts 400 4000 40000] [--backbone resnet18]
    python -m benchmarks.growth --plot                    the figure again, from the file

Every row is a process of its own that does the job of a linear probe: decode, run the frozen
network once, fit the head. Its images are the course's drawn ones, cut and mirrored anew, as JPEG
files. Large sets are kept in a mapped file (`load_image_folder(..., file=...)`), and the largest in
memory too, side by side.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import read_result, write_result  # noqa: E402

FIGURE = ROOT / "benchmarks" / "growth.png"


def write_images(folder: Path, count: int, side: int = 128, seed: int = 0) -> None:
    """`count` different JPEG files of ants and bees, made of the drawn ones."""
    import numpy as np
    from PIL import Image, ImageOps

    import tlhelpers as tl

    draw = np.random.default_rng(seed)
    sources = {
        name: [Image.open(p).convert("RGB") for p in sorted(sub.glob("*.jpg"))]
        for name in ("ants", "bees")
        if (sub := tl.data_dir() / "ants_bees" / "train" / name)
    }
    for name in sources:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        name = ("ants", "bees")[number % 2]
        image = sources[name][draw.integers(len(sources[name]))]
        cut = image.width * draw.uniform(0.8, 1)
        left, top = draw.uniform(0, image.width - cut, 2)
        image = image.resize((side, side), box=(left, top, left + cut, top + cut))
        image = ImageOps.mirror(image) if draw.random() < 0.5 else image
        image.save(folder / name / f"{number:06}.jpg", quality=85)


def one_job(folder: Path, backbone: str, side: int, epochs: int, file: Path | None) -> dict:
    """Seconds of each stage, and the most memory that is this process's own."""
    import torch

    import tlhelpers as tl

    loaded = tl.load_backbone(backbone)
    before = own_memory()
    clock = [time.perf_counter()]
    images = tl.load_image_folder(folder, side, file=file)
    clock.append(time.perf_counter())
    # The decoder has shaped the images already: what goes in is what was asked for.
    prepare = loaded.preprocessing | {"size": side}
    features = tl.extract_features(loaded.model, tl.BatchLoader(images, 64, **prepare))
    clock.append(time.perf_counter())
    head = torch.nn.Linear(features.features.shape[1], len(images.classes))
    tl.fit(
        head,
        tl.BatchLoader(features, 64, train=True),
        optimizer=torch.optim.AdamW(head.parameters(), lr=1e-3),
        epochs=epochs,
        progress=False,
    )
    clock.append(time.perf_counter())
    stages = ("decode", "features", "head")
    seconds = {n: b - a for n, a, b in zip(stages, clock, clock[1:], strict=False)}
    return {
        "images": len(images),
        "side": side,
        "epochs": epochs,
        "kept_in": "file" if file else "memory",
        "pixels_gb": images.images.nbytes / 1e9,
        "own_memory_gb": (own_memory() - before) / 1e9,
        "seconds": seconds,
    }


def own_memory() -> int:
    """Bytes of memory that cannot be dropped: mapped files are not counted where that is known."""
    import psutil

    info = psutil.Process().memory_info()
    return info.rss - getattr(info, "shared", 0)


def measure(folder: Path, backbone: str, side: int, epochs: int, file: Path | None) -> dict:
    job = json.dumps([str(folder), backbone, side, epochs, str(file) if file else None])
    command = [sys.executable, "-m", "benchmarks.growth", "--job", job]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(done.stdout.splitlines()[-1])
    row["process_seconds"] = time.perf_counter() - began
    return row


def plot(rows: list[dict], path: Path) -> None:
    """Seconds and memory against the number of images; seconds against epochs and side."""
    import matplotlib.pyplot as plt

    from tlhelpers.figures.theme import PALETTE, new_axes

    counts = sorted({row["images"] for row in rows})
    middle = counts[len(counts) // 2]
    first, second, *others = new_axes(15, 4, columns=4)
    for kept, mark in (("memory", "o"), ("file", "s")):
        of = [r for r in rows if r["kept_in"] == kept and (r["side"], r["epochs"]) == (128, 1)]
        of = sorted({r["images"]: r for r in of}.values(), key=lambda r: r["images"])
        n = [r["images"] for r in of]
        for color, stage in zip(PALETTE, of[0]["seconds"] if of else (), strict=False):
            label = stage if kept == "memory" else None
            seconds = [r["seconds"][stage] for r in of]
            first.plot(n, seconds, mark, ls="-" * (mark == "o"), color=color, label=label)
        memory = [r["own_memory_gb"] for r in of]
        second.plot(n, memory, f"{mark}-", label=f"pixels in {kept}")
    first.set(
        xscale="log", yscale="log", xlabel="images", ylabel="seconds (squares: pixels in a file)"
    )
    second.set(xscale="log", yscale="log", xlabel="images", ylabel="memory of the process, GB")
    for axes, key, label in zip(
        others, ("side", "epochs"), ("side in pixels, 1 epoch", "epochs at 128 px"), strict=True
    ):
        fixed = {"side": 128, "epochs": 1, "images": middle, "kept_in": "memory"}
        del fixed[key]
        of = [r for r in rows if all(r[name] == value for name, value in fixed.items())]
        of = sorted({r[key]: r for r in of}.values(), key=lambda r: r[key])
        for color, stage in zip(PALETTE, of[0]["seconds"] if of else (), strict=False):
            axes.plot([r[key] for r in of], [r["seconds"][stage] for r in of], "o-", color=color)
        axes.set(xlabel=f"{label}; {middle:,} images", ylabel="seconds", ylim=(0, None))
    first.legend()
    second.legend()
    first.figure.set_layout_engine("constrained", wspace=0.08)
    first.figure.savefig(path, dpi=110)
    plt.close(first.figure)


def main(arguments: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[400, 4000, 40000])
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 128, 224])
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 5, 25])
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--smoke", action="store_true", help="a tiny run that writes no result")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--plot", action="store_true", help="draw the figure again and stop")
    options = parser.parse_args(arguments)
    if options.plot:
        plot(read_result("growth")["rows"], FIGURE)
        return []
    if options.job:
        folder, backbone, side, epochs, file = json.loads(options.job)
        print(json.dumps(one_job(Path(folder), backbone, side, epochs, file and Path(file))))
        return []
    if options.smoke:
        options.counts, options.sides, options.epochs = [8, 16], [32], [1]
    jobs = [(n, 128, 1, n * 4 > max(options.counts)) for n in options.counts]
    jobs += [(max(options.counts), 128, 1, False)]
    middle = sorted(options.counts)[len(options.counts) // 2]
    jobs += [(middle, side, 1, False) for side in options.sides]
    jobs += [(middle, 128, epochs, False) for epochs in options.epochs]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, (count, side, epochs, mapped) in enumerate(jobs):
            folder = Path(scratch, str(count))
            if not folder.is_dir():
                write_images(folder, count)
            file = Path(scratch, f"pixels-{number}.npy") if mapped else None
            rows.append(measure(folder, options.backbone, side, epochs, file))
            if file:
                file.unlink()
            row = rows[-1]
            stages = ", ".join(f"{name} {value:.2f} s" for name, value in row["seconds"].items())
            print(
                f"{row['images']:6} images of {side} px, {epochs} epochs, in {row['kept_in']}: "
                f"{stages}; {row['pixels_gb']:.2f} GB of pixels, {row['own_memory_gb']:.2f} GB own",
                flush=True,
            )
            if not options.smoke:
                write_result("growth", {"backbone": options.backbone, "rows": rows})
        plot(rows, Path(scratch, FIGURE.name) if options.smoke else FIGURE)
    return rows


if __name__ == "__main__":
    main()
