"""What a device can do at most, and what a piece of work asks of it (Williams et al. 2009).

The roofline: no operation takes less time than its arithmetic at the highest rate measured, nor
less than its bytes at the highest bandwidth measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


def synchronize(device: torch.device) -> None:
    """Wait until the device has done everything that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def clock(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, from an idle device to an idle device."""
    synchronize(device)
    start = time.perf_counter()
    run()
    synchronize(device)
    return time.perf_counter() - start


def seconds_per_call(
    run: Callable[[], object], device: torch.device, calls: int, repeats: int
) -> list[float]:
    """Seconds a call, `repeats` times the mean over `calls` in a row, after a round to warm up."""

    def several() -> None:
        for _ in range(calls):
            run()

    return [clock(several, device) / calls for _ in range(repeats + 1)][1:]


def matmul_rate(device: torch.device, dtype: torch.dtype, n: int, repeats: int = 5) -> list[float]:
    """Operations a second of products of random n x n matrices; fp32 may use TF32."""
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        return [2 * n**3 / s for s in seconds_per_call(lambda: a @ b, device, 10, repeats)]
    finally:
        torch.set_float32_matmul_precision(before)


def copy_rate(device: torch.device, size: int, repeats: int = 5) -> list[float]:
    """Bytes a second of a copy within the device's memory, those read and those written."""
    a = torch.ones(size, dtype=torch.uint8, device=device)
    b = torch.empty_like(a)
    return [2 * size / s for s in seconds_per_call(lambda: b.copy_(a), device, 10, repeats)]


class Work(TorchDispatchMode):
    """Counts floating-point operations and bytes of every operation run inside it.

    Operations by torch's own formulas (`torch.utils.flop_counter`: products and convolutions,
    forward and backward). Bytes as if each operation read each operand once and wrote each result
    once: less than real kernels move, some of which read twice (BatchNorm), and more than they
    would with a result left in the cache. Views and empty tensors move nothing.

    Attributes:
        rows: (operation's name, flops, bytes, dtype of its first tensor), in the order run.
    """

    def __init__(self):
        super().__init__()
        self.rows: list[tuple[str, int, int, torch.dtype]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = func._overloadpacket.__name__
        tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
        if func.is_view or name.startswith(("empty", "new_empty", "_unsafe_view")) or not tensors:
            return out
        formula = flop_registry.get(func._overloadpacket)
        flops = formula(*args, **kwargs, out_val=out) if formula else 0
        # What is repeated by a stride of 0 lies in memory once.
        moved = sum(min(t.nbytes, t.untyped_storage().nbytes()) for t in tensors)
        self.rows.append((name, flops, moved, tensors[0].dtype))
        return out

    @property
    def flops(self) -> int:
        return sum(flops for _, flops, _, _ in self.rows)

    @property
    def bytes(self) -> int:
        return sum(moved for _, _, moved, _ in self.rows)

    def least_seconds(self, rates: dict[torch.dtype, float], bandwidth: float) -> float:
        """The roofline, operation by operation; rates are FLOP/s by dtype (others: the lowest)."""
        slowest = min(rates.values())
        return sum(
            max(flops / rates.get(dtype, slowest), moved / bandwidth)
            for _, flops, moved, dtype in self.rows
        )
