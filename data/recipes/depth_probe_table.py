"""Which block is best for which task? Linear probes behind every block, five seeds, three tasks.

python -m data.recipes.depth_probe_table      # -> data/results/depth_probe.json and .md

The mini ResNet-18, trained and with random weights, against pixels and HOG with a penalty chosen by
cross-validation on the training pictures. A seed draws the training pictures; the test pictures are
always the same, and no training has seen them.

Linear probes: Alain and Bengio 2016 (arXiv:1610.01644).
"""

from __future__ import annotations

import argparse
import functools
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.evaluation.baselines import hog, logistic_regression

from .head_swap_table import choose
from .tables import made_by, store
from .transfer_table import images

SEEDS_REPORTED = (0, 1, 2, 3, 4)
A_CLASS = {"insects": 100, "digits": 30, "gratings": 20}
BLOCKS = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]


def gratings(count: int, seed: int, side: int = 96) -> tl.ImageTensors:
    """Noisy waves in 4 directions and 2 widths, `count` pictures of 8 classes in turn."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    labels, pictures = np.arange(count) % 8, []
    for label in labels:
        angle = np.pi * (label % 4) / 4 + rng.normal(0, 0.08)
        waves = (6, 9)[label // 4] * np.exp(rng.normal(0, 0.08))
        along = columns * np.cos(angle) + rows * np.sin(angle)
        wave = np.sin(2 * np.pi * waves * along + rng.uniform(0, 6.28)) * rng.uniform(0.05, 0.2)
        colour = rng.uniform(0.35, 0.65, 3)[:, None, None]
        noisy = colour + wave + rng.normal(0, 0.12, (3, side, side))
        pictures.append(np.clip(noisy, 0, 1) * 255)
    pixels = torch.from_numpy(np.stack(pictures)).byte()
    return tl.ImageTensors(pixels, torch.from_numpy(labels), [str(k) for k in range(8)])


def handwriting() -> tuple[tl.ImageTensors, tl.ImageTensors]:
    """scikit-learn's digits, 8 x 8: a pool to draw training pictures from, and 500 for testing."""
    from sklearn.datasets import load_digits

    found = load_digits()
    ink = torch.from_numpy(found.images / 16 * 255).round().byte()[:, None].expand(-1, 3, -1, -1)
    data = tl.ImageTensors(ink, torch.from_numpy(found.target), [str(k) for k in range(10)])
    data = data[torch.randperm(len(data), generator=torch.Generator().manual_seed(0))]
    return data[500:], data[:500]


@torch.no_grad()
def after_every_block(model: nn.Module, data: tl.ImageTensors, preparation: dict) -> dict:
    """Averaged maps after each block, in one pass: block -> (N, C)."""
    outputs, hooks = {name: [] for name in BLOCKS}, []
    for name, kept in outputs.items():

        def keep(module, inputs, output, kept=kept):
            kept.append(output.float().mean((2, 3)))

        hooks.append(model.get_submodule(name).register_forward_hook(keep))
    for x, _ in tl.BatchLoader(data, 100, device="cpu", **preparation):
        model.eval()(x)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(parts) for name, parts in outputs.items()}


def described(data: tl.ImageTensors) -> dict[str, torch.Tensor]:
    """Pixels and HOG, as lesson 03 takes them."""
    tiny = data.images.shape[-1] < 32

    def resized(side: int) -> torch.Tensor:
        x = data.images.float() / 255
        return F.interpolate(x, (side, side), mode="bilinear", antialias=True)

    return {
        "pixels": resized(8 if tiny else 24).flatten(1),
        "HOG": hog(resized(32), cell=8) if tiny else hog(resized(96), cell=16),
    }


def measure(job: str, pool: tl.ImageTensors, judged: tl.ImageTensors) -> list[dict]:
    """All rows of one task."""
    torch.manual_seed(0)
    trained = tl.load_backbone("resnet18")
    networks = {
        "trained": trained.model,
        "random weights": tl.load_backbone("resnet18", pretrained=False).model,
    }
    draws = [choose(pool.labels, A_CLASS[job], seed) for seed in SEEDS_REPORTED]
    rows = []
    for kind, model in networks.items():
        seen, new = (after_every_block(model, d, trained.preprocessing) for d in (pool, judged))
        for name in BLOCKS:
            scores = []
            for chosen in draws:
                data = tl.FeatureTensors(seen[name][chosen], pool.labels[chosen], pool.classes)
                probe = tl.linear_probe(data, C=0.1)
                scores.append(float((probe(new[name]).argmax(1) == judged.labels).float().mean()))
            rows.append({"job": job, "features": kind, "block": name, **_interval(scores)})
    seen, new = described(pool), described(judged)
    for name in seen:
        fitted = [logistic_regression(seen[name][c], pool.labels[c]) for c in draws]
        scores = [float(f.score(new[name].numpy(), judged.labels.numpy())) for f in fitted]
        rows.append({"job": job, "features": name, "block": "", **_interval(scores)})
    for row in rows:
        print(job, row["features"], row["block"], round(row["mean"], 3), flush=True)
    return rows


def _interval(values: list[float]) -> dict:
    found = tl.mean_interval(values)
    return {"mean": found.mean, "low": found.low, "high": found.high, "accuracies": values}


def markdown(rows: list[dict], facts: dict) -> str:
    """The table as Markdown, one line a description."""
    lines = ["# A linear probe behind every block: mini ResNet-18, three tasks", ""]
    lines += ["| | " + " | ".join(A_CLASS) + " |", "|---|" + "---|" * len(A_CLASS)]
    for features, block in dict.fromkeys((row["features"], row["block"]) for row in rows):
        cells = [
            f"{row['mean']:.3f} ± {row['mean'] - row['low']:.3f}"
            for job in A_CLASS
            for row in rows
            if (row["job"], row["features"], row["block"]) == (job, features, block)
        ]
        lines.append(f"| {features}{block and ', ' + block} | " + " | ".join(cells) + " |")
    sizes = ", ".join(f"{count} {job}" for job, count in A_CLASS.items())
    lines += [
        "",
        f"Accuracy, mean over {len(SEEDS_REPORTED)} draws of the training pictures ({sizes} of "
        "each class) with 95 % t-interval; tested on 600 fresh insects, 500 handwritten digits, "
        "400 gratings. Probes: logistic regression on averaged maps, C = .1 throughout. Pixels and "
        "HOG: C chosen by five-fold cross-validation on the training pictures.",
        "",
        made_by(facts),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="one CPU core")
    args = parser.parse_args()
    start = time.process_time()
    jobs = {
        "insects": (images("train"), images("fresh")),
        "digits": handwriting(),
        "gratings": (gratings(400, 1), gratings(400, 2)),
    }
    rows = [row for job, sets in jobs.items() for row in measure(job, *sets)]
    store(
        "depth_probe",
        {"rows": rows},
        functools.partial(markdown, rows),
        command="python -m data.recipes.depth_probe_table",
        seconds=time.process_time() - start,
        machine=args.machine,
    )


if __name__ == "__main__":
    main()
