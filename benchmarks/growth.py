"""How the cost grows: with the number of images, the number of epochs, the side of the images.

    python -m benchmarks.growth [--counts 400 4000 40000] [--backbone resnet18]

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

from benchmarks.measuring import write_result  # noqa: E402


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


def main(arguments: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[400, 4000, 40000])
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 128, 224])
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 5, 25])
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--smoke", action="store_true", help="a tiny run that writes no result")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        folder, backbone, side, epochs, file = json.loads(options.job)
        print(json.dumps(one_job(Path(folder), backbone, side, epochs, file and Path(file))))
        return []
    if options.smoke:
        options.counts, options.sides, options.epochs = [8, 16], [32], [1]
    jobs = [(n, 128, 1, n * 4 > max(options.counts)) for n in options.counts]
    jobs += [(max(options.counts), 128, 1, False)]
    small = min(options.counts)
    jobs += [(small, side, 1, False) for side in options.sides]
    jobs += [(small, 128, epochs, False) for epochs in options.epochs]
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
    return rows


if __name__ == "__main__":
    main()
