"""Can ants and bees be told apart without looking at their anatomy? They should not.

python -m data.recipes.shortcuts        # -> data/results/shortcuts.json

Each shortcut is a handful of numbers an image and a logistic regression, trained on the embedded
training split and tested on fresh images.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from .draw_ants_bees import COUNTS, EMBEDDED, SEEDS, fresh_set

RESULTS = Path(__file__).resolve().parents[1] / "results" / "shortcuts.json"


def colour_histogram(images: np.ndarray, bins: int = 4) -> np.ndarray:
    """Joint RGB histogram of each image (N, H, W, 3): (N, bins ** 3), square roots of shares."""
    cells = (images // (256 // bins)).astype(int)
    codes = (cells[..., 0] * bins + cells[..., 1]) * bins + cells[..., 2]
    counts = [np.bincount(c.ravel(), minlength=bins**3) for c in codes]
    return np.sqrt(np.stack(counts) / codes[0].size)


def mean_colour(images: np.ndarray) -> np.ndarray:
    """Mean and spread of every channel: (N, 6)."""
    flat = images.reshape(len(images), -1, 3).astype(float)
    return np.concatenate([flat.mean(1), flat.std(1)], 1)


def edges(images: np.ndarray) -> np.ndarray:
    """How strong edges are: mean, three quantiles, centre, centre against whole: (N, 6)."""
    grey = images.astype(float).mean(-1)
    dy, dx = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(dx, dy)
    n = grey.shape[1] // 4
    centre = strength[:, n:-n, n:-n].mean((1, 2))
    quantiles = np.quantile(strength, (0.5, 0.8, 0.95), axis=(1, 2)).T
    whole = strength.mean((1, 2))
    return np.column_stack([whole, quantiles, centre, centre / whole])


def area(images: np.ndarray) -> np.ndarray:
    """How much differs from the rim's median colour, at three thresholds: (N, 3)."""
    rim = np.concatenate([images[:, :6].reshape(len(images), -1, 3),
                          images[:, -6:].reshape(len(images), -1, 3)], 1)  # fmt: skip
    distance = np.abs(images - np.median(rim, 1)[:, None, None]).sum(-1)
    return np.stack([(distance > t).mean((1, 2)) for t in (60, 110, 170)], 1)


SHORTCUTS = {
    "colour histogram": colour_histogram,
    "mean colour": mean_colour,
    "edge density": edges,
    "area": area,
}


def embedded(split: str) -> tuple[np.ndarray, np.ndarray]:
    """A stored split: images uint8 (N, 128, 128, 3), labels (N,): 0 ants, 1 bees."""
    images, labels = [], []
    for label, name in enumerate(COUNTS[split]):
        for path in sorted((EMBEDDED / split / name).glob("*.jpg")):
            images.append(np.asarray(Image.open(path).convert("RGB")))
            labels.append(label)
    return np.stack(images), np.array(labels)


def accuracy(feature, train, test) -> float:
    """Test accuracy of a logistic regression on one kind of feature."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit(feature(train[0]), train[1])
    return float(model.score(feature(test[0]), test[1]))


def main() -> None:
    train, test = embedded("train"), fresh_set(300, seed=SEEDS["fresh"])
    found = {name: round(accuracy(f, train, test), 3) for name, f in SHORTCUTS.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
