"""Where a lesson runs: device, profile, seed, precision."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from . import environment
from .allocator import keep_freed_memory
from .environment import PRECISIONS, PROFILES
from .errors import InputError, nearest, remedy
from .memory import explain_cell
from .notebook import in_notebook


@dataclass(frozen=True)
class Runtime:
    """What `setup` decided: `profile`, `device`, `seed`, and the `backbone` a lesson loads."""

    profile: str
    device: torch.device
    seed: int
    backbone: str | None


def get_profile() -> str:
    """The profile in force, from the environment variable `TLHELPERS_PROFILE`; "mini" if unset.

    "mini" uses embedded data and weights only; "full" uses the real photographs and torchvision's
    ImageNet weights. Raises `InputError` for another word.
    """
    return environment.choice("TLHELPERS_PROFILE", PROFILES)


def get_device(name: str | None = None) -> torch.device:
    """The device to compute on: the one named, else cuda, then mps, then cpu.

    Raises `InputError` when a named device is not on this machine.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name is None:
        name = next(kind for kind, there in present.items() if there)
    kind = str(name).split(":")[0]
    if not present.get(kind, False):
        raise InputError(
            f'device "{name}" is not on this machine.'
            + nearest(kind, [k for k, there in present.items() if there])
            + f" Leave `{remedy('device', '--device')}` out to take the best one."
        )
    return torch.device(name)


def seed_everything(seed: int = 0) -> torch.Generator:
    """Seed Python, NumPy and torch; returns a CPU generator with the same seed for a loader.

    Runs repeat exactly on one machine's CPU; across devices and torch releases they agree only
    within a tolerance (torch documentation, notes on randomness).
    """
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def setup(
    profile: str | None = None,
    *,
    seed: int = 0,
    backbone: str | None = None,
    device: str | None = None,
    quiet: bool = False,
) -> Runtime:
    """Choose profile and device, seed everything, print what was decided.

    Also lets the process keep freed memory for the next training step, see `core/allocator.py`.

    Args:
        profile: "mini" or "full"; None takes `TLHELPERS_PROFILE`, else "mini". A profile given here
            is put into that variable, so that every later call agrees.
        seed: for Python, NumPy and torch.
        backbone: the network a lesson loads; `TLHELPERS_BACKBONE` in the environment wins, so that
            the same cells run with another network.
        device: "cuda", "mps" or "cpu"; None takes the best one there is.
        quiet: print nothing.
    """
    if profile is not None:
        os.environ["TLHELPERS_PROFILE"] = _known(profile)
    for sentence in environment.unknown():
        warnings.warn(sentence, stacklevel=2)
    runtime = Runtime(
        get_profile(), get_device(device), seed, os.environ.get("TLHELPERS_BACKBONE") or backbone
    )
    seed_everything(seed)
    keep_freed_memory()
    if in_notebook():
        sys.modules["IPython"].get_ipython().events.register("post_run_cell", explain_cell)
    if not quiet:
        precision = "bf16 where it helps" if has_bfloat16(runtime.device) else "fp32"
        rows = [
            ("profile", runtime.profile),
            ("device", f"{device_name(runtime.device)}, {precision}"),
            ("backbone", runtime.backbone),
            ("seed", seed),
            ("python", platform.python_version()),
            ("torch", torch.__version__),
        ]
        print("\n".join(f"{name:<9} {value}" for name, value in rows if value is not None))
    return runtime


def budget(steps: int) -> int:
    """`steps` times the environment variable `TLHELPERS_BUDGET` (1 if unset), at least 1.

    One knob for slow or fast machines: TLHELPERS_BUDGET=0.2 runs a lesson with a fifth of its
    optimiser steps. Raises `InputError` for a value that is not a positive number.
    """
    return max(1, round(steps * environment.factor("TLHELPERS_BUDGET")))


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is native on this device (emulated, it is slower than fp32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # torch has no public query for these two before 2.10, hence the guarded private names.
        queries = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, query, bool)() for query in queries)
    return False


def autocast(device: torch.device) -> contextlib.AbstractContextManager:
    """bf16 autocast where the hardware has it, else nothing: one code path, and no loss scaler.

    TLHELPERS_PRECISION=fp32 in the environment switches it off, to compare runs digit by digit.
    Raises `InputError` for another value than fp32 and auto.
    """
    if environment.choice("TLHELPERS_PRECISION", PRECISIONS) == "auto" and has_bfloat16(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def inference(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Eval mode, no gradients, autocast; afterwards every submodule has its own mode back.

    `no_grad` and not `inference_mode`: what is computed here may train a head later, and tensors
    made in inference mode cannot take part in a backward pass.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), autocast(device):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _known(profile: str) -> str:
    if profile not in PROFILES:
        raise InputError(f'unknown profile "{profile}".{nearest(profile, PROFILES)}')
    return profile


def device_name(device: torch.device) -> str:
    """The device in words: "cpu (2 threads)", "cuda (NVIDIA ...)"."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return device.type
