"""Run lesson 04 and keep what its slides show: `OMP_NUM_THREADS=1 python slides/measure_04.py`.

The code cells run as they stand in the notebook, up to the figure of the mistake made on purpose;
numbers go to slides/measured_04.json and pictures to slides/figures/. Measure again when the lesson
or the embedded data change.
"""

from __future__ import annotations

from pathlib import Path

from lesson_run import HERE, keep, run_lesson

MEASURED = HERE / "measured_04.json"


def facts(lesson: dict) -> dict:
    """What the slides say, rounded as they say it."""
    result, by_weight = lesson["result"], lesson["by_weight"]
    return {
        "parameters": lesson["image"].numel(),
        "gram_fall": round(result.gram_fall, 3),
        "content_correlation": round(result.content_correlation, 2),
        "weights": {
            weight: [round(r.gram_fall, 2), round(r.content_correlation, 2)]
            for weight, r in by_weight.items()
        },
        "step_time": {name: round(value, 2) for name, value in lesson["ratio"].items()},
        "layers": {name: round(value, 2) for name, value in lesson["ruler"].items()},
        "judge": {
            name: {depth: round(value, 2) for depth, value in depths.items()}
            for name, depths in lesson["average"].items()
        },
        "clamp": {
            name: [round(reported, 2), round(saved, 2)]
            for name, (reported, saved, _) in lesson["habits"].items()
        },
    }


def row(images, path: Path, side: int = 260, gap: int = 12) -> None:
    """Pictures (3, H, W) in [0, 1] side by side on the slides' paper."""
    from PIL import Image

    from tlhelpers.teaching.diagrams import PAPER

    images = list(images)
    strip = Image.new("RGB", (len(images) * (side + gap) - gap, side), PAPER)
    for index, image in enumerate(images):
        pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
        strip.paste(picture, (index * (side + gap), 0))
    strip.save(path, quality=88, optimize=True)


def main() -> None:
    lesson = run_lesson(
        "04_style_transfer.ipynb", "break-figure", lambda cell: cell["id"].startswith("quiz")
    )
    figures = HERE / "figures"
    figures.mkdir(exist_ok=True)
    row(lesson["result"].kept.values(), figures / "style_strip.jpg", 185)
    row((r.image for r in lesson["by_weight"].values()), figures / "style_weights.jpg", 220)
    row((r.image for r in lesson["depths"].values()), figures / "style_layers.jpg", 280)
    row(lesson["both"], figures / "style_random.jpg", 184)
    row((run[2] for run in lesson["habits"].values()), figures / "style_clamp.jpg", 170)
    keep(MEASURED, facts(lesson))


if __name__ == "__main__":
    main()
