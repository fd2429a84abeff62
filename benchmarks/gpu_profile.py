"""Where one run spends more than another: operations side by side, from torch's profiler."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from .roofline import synchronize


def compare(
    run: Callable[[], object],
    other: Callable[[], object],
    steps: int,
    device: torch.device,
    rows: int = 15,
) -> dict:
    """Milliseconds a step by operation, of both, sorted by what `run` needs beyond `other`.

    Each is called once and does `steps` steps. "busy" is the share of the wall-clock time in which
    the device computed: well below 1, it waited for Python. Profiling slows both down.
    """
    left, right = _table(run, steps, device), _table(other, steps, device)
    names = left["ms"].keys() | right["ms"].keys()
    pairs = {name: (left["ms"].get(name, 0.0), right["ms"].get(name, 0.0)) for name in names}
    order = sorted(names, key=lambda name: pairs[name][1] - pairs[name][0])[:rows]
    return {
        "wall_ms_per_step": [left["wall"], right["wall"]],
        "busy": [left["busy"], right["busy"]],
        "launches_per_step": [left["calls"], right["calls"]],
        "operations": [
            {"name": name[:80], "ms": pairs[name][0], "other_ms": pairs[name][1]} for name in order
        ],
    }


def waits(run: Callable[[], object], device: torch.device) -> int | None:
    """How often Python waits for a CUDA device in one call; None on another device."""
    if device.type != "cuda":
        run()
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing CUDA operation" in str(warning.message) for warning in caught)


def _table(run: Callable[[], object], steps: int, device: torch.device) -> dict:
    run()  # warm
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    synchronize(device)
    with profile(activities=activities, acc_events=True) as profiler:
        start = time.perf_counter()
        run()
        synchronize(device)
        wall = time.perf_counter() - start
    events = profiler.key_averages()
    if device.type == "cuda":
        # Rows of the device's own kernels; an operator's row repeats the time of its kernels.
        events = [e for e in events if e.device_type == torch.autograd.DeviceType.CUDA]
        times = {e.key: e.self_device_time_total for e in events}
    else:
        times = {e.key: e.self_cpu_time_total for e in events}
    return {
        "wall": 1000 * wall / steps,
        "busy": sum(times.values()) / 1e6 / wall,
        "calls": sum(e.count for e in events) / steps,
        "ms": {key: time_us / 1000 / steps for key, time_us in times.items()},
    }
