"""Any picture as a float tensor (1, 3, H, W) in [0, 1]: its longer side given, its shape kept."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...core.errors import InputError
from ...data.decoding import to_rgb, why
from ...data.opening import open_image, quiet, room_for

SMALLEST, LARGEST = 32, 1024


def prepare_picture(
    picture: str | Path | BinaryIO | Image.Image | np.ndarray | Tensor, size: int, name: str
) -> Tensor:
    """Turn a file, a Pillow image, an array or a tensor into a tensor with longer side `size`.

    Grey, palette and CMYK pictures become RGB, transparent parts are laid on white, photographs
    are turned upright. Arrays are (H, W) or (H, W, C), as Pillow, Matplotlib and scikit-image have
    them; tensors (C, H, W) or (1, C, H, W); with 1, 3 or 4 channels, uint8 or float in [0, 1].
    `name` ("content", "style") is what messages call the picture.

    Raises `InputError` for a picture that cannot be read, is too small or too narrow, holds NaN,
    or has one colour only, and for a `size` outside 32 to 1024.
    """
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        raise InputError(
            f"size={size!r}: the longer side must be a whole number from {SMALLEST} to {LARGEST} "
            "pixels. 192 is quick on a CPU; time and memory grow with its square."
        )
    image = _to_pillow(picture, name)
    width, height = image.size
    if min(width, height) < 8:
        raise InputError(
            f"the {name} picture has {width} x {height} pixels: too few to show anything. "
            "Take one of at least 64 x 64."
        )
    scale = size / max(width, height)
    wide, high = round(width * scale), round(height * scale)
    if min(wide, high) < SMALLEST:
        raise InputError(
            f"the {name} picture ({width} x {height}) is so narrow that it would be {wide} x "
            f"{high} at size={size}; each side needs {SMALLEST}. Crop it, or take a larger size."
        )
    image = image.resize((wide, high), Image.Resampling.BICUBIC, reducing_gap=3.0)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()[None].float() / 255
    if pixels.std(dim=(2, 3)).max() < 0.004:  # less than one of 255 steps
        raise InputError(
            f"the {name} picture has one colour only, so it has nothing to give. "
            "An all-black one often is a failed export: open it in an image viewer."
        )
    return pixels


def _to_pillow(picture, name: str) -> Image.Image:
    if isinstance(picture, np.ndarray):
        picture = _array_to_tensor(picture, name)
    if isinstance(picture, Tensor):
        return _tensor_to_pillow(picture, name)
    if isinstance(picture, Image.Image):
        return to_rgb(picture)
    if isinstance(picture, (str, Path)) and not Path(picture).is_file():
        raise InputError(f"there is no {name} picture {picture}. Paths begin at {Path.cwd()}.")
    try:
        with quiet(), open_image(picture) as image, room_for(image):
            # JPEGs of telephones decode at a fraction of their size, never below LARGEST.
            image.draft("RGB", (LARGEST, LARGEST))
            image.load()
            return to_rgb(image)
    except Exception as error:
        raise InputError(
            f"the {name} picture cannot be read: {why(error)}. Save it as JPEG or PNG, or take "
            "another."
        ) from error


def _array_to_tensor(picture: np.ndarray, name: str) -> Tensor:
    array = picture[..., None] if picture.ndim == 2 else picture
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.dtype.kind not in "uif":
        raise InputError(
            f"the {name} picture is an array {picture.shape} of {picture.dtype}; give numbers "
            "(H, W, 3), or (H, W) for a grey one. Channels in front: array.transpose(1, 2, 0)."
        )
    array = array if array.dtype == np.uint8 else array.astype(np.float32)
    return torch.from_numpy(array.transpose(2, 0, 1).copy())


def _tensor_to_pillow(picture: Tensor, name: str) -> Image.Image:
    image = picture.detach().cpu()
    image = image[0] if image.ndim == 4 and len(image) == 1 else image
    if image.ndim != 3 or image.shape[0] not in (1, 3, 4):
        raise InputError(
            f"the {name} picture is a tensor {tuple(picture.shape)}; give (3, H, W), and grey or "
            "transparent ones as (1, H, W) or (4, H, W)."
        )
    if image.dtype != torch.uint8:
        image = image.float()
        if not image.isfinite().all():
            raise InputError(f"the {name} picture holds NaN or infinity. Was it computed in fp16?")
        if image.min() < -0.01 or image.max() > 1.01:
            raise InputError(
                f"the {name} picture's floats lie in [{image.min():.2f}, {image.max():.2f}], not "
                "in [0, 1]: undo a normalisation, or divide 0..255 by 255."
            )
        image = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    array = image.permute(1, 2, 0).numpy()
    return to_rgb(Image.fromarray(array[..., 0] if array.shape[2] == 1 else array))
