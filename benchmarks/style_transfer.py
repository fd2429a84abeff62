"""Style transfer: the usual tutorial loop against `tl.stylize`, to the same loss of the same image.

    python -m benchmarks.style_transfer                  192 px, 4 pairs of pictures (9 minutes)
    python -m benchmarks.style_transfer --size 256 --pairs 1

Both sides minimise one objective, on the same VGG-16, layers, pooling (max, as in the tutorial) and
start; its value in fp32, of the picture clamped to what a screen shows, is what is compared. The
tutorial takes 300 evaluations. How many ours needs to get at least as low is found next, untimed,
and then as many are timed. Late in a run 1 % of the loss costs up to a third of the steps, and
rounding decides about it: hence several pairs. The levers are also measured one after another, per
step. VGG-16's real convolutions are taken from `TLHELPERS_DATA` (`vgg16_edges`),
random ones where there is none.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
import time
from pathlib import Path

if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

import tlhelpers as tl
from benchmarks import measuring
from benchmarks.measuring import spread
from benchmarks.style_tutorial import LAYERS, STYLE_WEIGHT, Objective, tutorial
from tlhelpers.methods.style import transfer
from tlhelpers.methods.style.optimizer import ImageOptimizer
from tlhelpers.methods.style.preprocess import prepare_picture
from tlhelpers.models.vgg16_edges import find_file

NAME = "style_transfer"
EVALUATIONS = 300
PAIRS = [
    ("content_cat.jpg", "style_dashes.jpg"),
    ("content_butterfly.jpg", "style_woodcut.jpg"),
    ("content_boat.jpg", "style_waves.jpg"),
    ("content_cup.jpg", "style_mosaic.jpg"),
]


def ours(backbone, content, style, size: int, steps: int, **options) -> tl.Stylized:
    return tl.stylize(
        backbone,
        content,
        style,
        size=size,
        steps=steps,
        style_weight=STYLE_WEIGHT,
        smoothness=0.0,
        pooling="max",
        progress=False,
        **options,
    )


def steps_to(level: float, objective: Objective, paint, most: int) -> tuple[int | None, list]:
    """Steps after which our picture's loss is at most `level`, and the losses on the way."""
    marks = range(5, most + 1, 5)
    kept = paint(steps=most, keep=marks).kept
    way = [(step, objective.of_picture(image)) for step, image in kept.items()]
    return next((step for step, loss in way if loss <= level), None), way


def evaluation_seconds(backbone, content: Tensor, style: Tensor, repeats: int) -> list[dict]:
    """Seconds of one step with the levers put on one after another, from the tutorial's on."""
    plain = Objective(backbone, content, style)
    frozen = Objective(backbone, content, style)
    frozen.network.requires_grad_(False)
    last = Objective(backbone, content, style)
    last.network.requires_grad_(False).to(memory_format=torch.channels_last)
    last.read = last.network  # the library's own pass
    whole = Objective(backbone, content, style)
    whole.network, whole.read, whole.gram = last.network, last.read, transfer.gram_matrix
    bf16 = functools.partial(tl.autocast, torch.device("cpu"))
    levers = [
        ("the tutorial's: fp32, weights with gradients, history of 100", plain, 100, None),
        ("+ weights frozen", frozen, 100, None),
        ("+ history of 20", frozen, 20, None),
        ("+ channels_last", last, 20, None),
        ("+ bf16 convolutions", last, 20, bf16),
        ("+ Gram matrices without a copy, one product for their gradient", whole, 20, bf16),
    ]
    rows = []
    for name, objective, history, precision in levers:
        seconds = _seconds_of_a_step(objective, content, history, precision, repeats)
        rows.append({"lever": name, "seconds": spread(seconds)})
        rows[-1]["times"] = rows[0]["seconds"]["median"] / rows[-1]["seconds"]["median"]
        print(f"  {rows[-1]['seconds']['median'] * 1000:6.0f} ms a step: {name}", flush=True)
    return rows


def _seconds_of_a_step(objective, content, history, precision, repeats) -> list[float]:
    def losses(image):
        with precision() if precision else contextlib.nullcontext():
            read = objective.read(image)
        read = {k: v.float() for k, v in read.items()}
        off = [transfer._relative(objective.gram(read[k]), g) for k, g in objective.grams.items()]
        content_loss = transfer._relative(read[transfer.CONTENT_LAYER], objective.target)
        style_loss = sum(off) / len(off)
        return content_loss + STYLE_WEIGHT * style_loss, content_loss, style_loss

    optimizer = ImageOptimizer(content, losses, history)
    for _ in range(history):  # L-BFGS's own arithmetic grows until its memory is full
        optimizer.step()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS, help="of the tutorial")
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="of pictures")
    parser.add_argument("--smoke", action="store_true", help="tiny network, nothing is kept")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.size, options.evaluations, options.pairs = 48, 20, 1
    result = compare(options)
    if not options.smoke:
        measuring.write_result(NAME, result)
    print(report(result))


def compare(options) -> dict:
    """Everything that is measured; interrupted, what there is until then."""
    if options.smoke:
        backbone = tl.load_backbone("vgg16")
    else:
        backbone = tl.load_backbone("vgg16_edges", pretrained=find_file() is not None)
    print(f"levers, {options.size} px, {torch.get_num_threads()} threads", flush=True)
    result = {
        "network": f"{backbone.name} ({backbone.source})",
        "size": options.size,
        "layers": LAYERS,
        "evaluations": options.evaluations,
    }
    content, style = pictures(PAIRS[0], options.size)
    result["levers"] = evaluation_seconds(backbone, content, style, 1 if options.smoke else 10)
    result["pairs"] = []
    each = options.evaluations * result["levers"][0]["seconds"]["median"]
    print(f"about {each * options.pairs * 2.5 / 60:.0f} minutes to go", flush=True)
    try:
        for pair in PAIRS[: options.pairs]:
            row = compare_pair(backbone, pair, options.size, options.evaluations)
            result["pairs"].append(row)
            print(
                f"{' as '.join(pair)}: tutorial {row['tutorial_seconds']:.1f} s to "
                f"{row['tutorial_loss']:.4f}, ours {row['course_seconds']:.1f} s to "
                f"{row['course_loss']:.4f} in {row['steps']} steps",
                flush=True,
            )
    except KeyboardInterrupt:
        print("interrupted; what was measured until now is kept.")
    if result["pairs"]:
        result["times_faster"] = spread(
            row["tutorial_seconds"] / row["course_seconds"] for row in result["pairs"]
        )
        result["reached"] = all(r["course_loss"] <= r["tutorial_loss"] for r in result["pairs"])
    return result


def pictures(pair: tuple[str, str], size: int) -> tuple[Tensor, Tensor]:
    return tuple(prepare_picture(tl.data_dir() / "styles" / name, size, "picture") for name in pair)


def compare_pair(backbone, pair: tuple[str, str], size: int, evaluations: int) -> dict:
    """Both sides on one pair: ours for as many steps as it needs to come as low."""
    content, style = pictures(pair, size)
    paint = functools.partial(ours, backbone, content, style, size)
    objective = Objective(backbone, content, style)
    start = time.perf_counter()
    image = tutorial(objective, content, evaluations)
    seconds = time.perf_counter() - start
    level = objective.of_picture(image)
    steps, way = steps_to(level, objective, paint, 2 * evaluations)
    # What comes first in a second call of the same process is warm: so it is for the tutorial.
    painted = paint(steps=steps or 2 * evaluations)
    return {
        "pair": pair,
        "start_loss": objective.of_picture(content),
        "tutorial_seconds": seconds,
        "tutorial_loss": level,
        "course_seconds": painted.seconds,
        "course_loss": objective.of_picture(painted.image),
        "steps": steps,
        "losses_on_the_way": way,
        "gram_fall": painted.gram_fall,
        "content_correlation": painted.content_correlation,
    }


def report(result: dict) -> str:
    lines = ["| step of | ms | times |", "|---|---|---|"]
    for row in result["levers"]:
        lines.append(
            f"| {row['lever']} | {row['seconds']['median'] * 1000:.0f} | {row['times']:.2f} |"
        )
    lines += [
        "",
        "| pictures | tutorial, s | its loss | ours, s | steps | loss | times faster |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["pairs"]:
        cells = [
            " as ".join(Path(name).stem.split("_")[1] for name in row["pair"]),
            f"{row['tutorial_seconds']:.1f}",
            f"{row['tutorial_loss']:.4f}",
            f"{row['course_seconds']:.1f}",
            str(row["steps"]),
            f"{row['course_loss']:.4f}",
            f"{row['tutorial_seconds'] / row['course_seconds']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if "times_faster" in result:
        said = "as low or lower everywhere" if result["reached"] else "NOT as low everywhere"
        found = result["times_faster"]
        lines.append(
            f"\n{found['mean']:.2f} times faster in the mean "
            f"[{found['min']:.2f}, {found['max']:.2f}], the loss {said}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
