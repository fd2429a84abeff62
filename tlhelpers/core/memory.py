"""Memory: how much is left, a refusal before it runs out, and smaller batches when it has.

torch is imported where it is needed: `available_memory` must also answer where torch is broken.
"""

from __future__ import annotations

import contextlib
import gc
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .errors import InputError, remedy
from .notebook import callout, plain

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

# Files of a control group, Linux's limit on containers and jobs: where its folders are mounted,
# then the limit, the use, and in memory.stat the share of the use that is only cached files.
_GROUP_V2 = ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
_GROUP_V1 = (
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)
_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


def available_memory() -> int:
    """Bytes of main memory this process may still take.

    What the system can give, or what the limit of its container or job leaves, if that is less.
    """
    import psutil

    return max(0, min([psutil.virtual_memory().available, *_left_in_groups(Path("/"))]))


def check_memory(needed: int, what: str, advice: str, share: float = 0.8) -> None:
    """Raise `InputError` if `needed` bytes are more than `share` of what is available.

    Call it before the memory is taken: a system that runs out of memory kills the process or stops
    responding, without a message. `what` begins the first sentence of the message ("40,000 images
    of 224 px"), `advice` is the last.
    """
    available = available_memory()
    if needed > share * available:
        raise InputError(
            f"{what} would take {needed / 1e9:.2f} GB of memory; {available / 1e9:.2f} GB are "
            f"free, and {share:.0%} of that may be used. {advice}"
        )


def with_smaller_batches(
    run: Callable[[int], T], batch_size: int, *, restore: Callable[[], None] = lambda: None
) -> T:
    """Call `run(batch_size)`; as long as memory runs out, halve the batch and call it again.

    Args:
        run: takes a batch size and does the whole job from its start.
        restore: called before another try: puts back what a job that broke off has changed, such as
            the weights, the optimizer's state and a generator.

    Raises `InputError` if a batch of one does not fit. Other errors pass through.
    """
    while True:
        try:
            return run(batch_size)
        except (RuntimeError, MemoryError, InputError) as error:
            if not is_memory_error(error):
                raise
            where = _place(error)
            if batch_size <= 1:
                raise InputError(
                    f"not even a batch of one fits into the memory of {where}. Take smaller images "
                    f"({remedy('size=...', '--size')}), a smaller network, or train less of it: "
                    f"{remedy('tl.freeze_to', '--method probe')}."
                ) from error
        # Out here the error is gone, and with its frames the last hold on the batch that failed.
        free_caches()
        restore()
        smaller = batch_size // 2
        print(f"a batch of {batch_size} does not fit into the memory of {where}; trying {smaller}")
        batch_size = smaller


@contextlib.contextmanager
def explain_memory(what: str, advice: str, place: str | None = None) -> Iterator[None]:
    """Turn "out of memory" into an `InputError` with the remedy, and free what failed.

    `what` begins the first sentence ("painting with size=512"), `advice` is the last. Keep what is
    computed inside in a function of its own: Python frees its variables when it returns.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_memory_error(error):
            raise
        # A notebook keeps its last error, the error its frames, and these the tensors that filled
        # the memory: without this the smaller setting would fail as well.
        traceback.clear_frames(error.__traceback__)
        free_caches()
        where = place or _place(error)
        raise InputError(f"{what} does not fit into the memory of {where}. {advice}") from error


def explain_batch_memory(device: torch.device, batch_size: int):
    """`explain_memory` for one batch: preparing it, its forward and its backward pass."""
    half = max(1, batch_size // 2)
    smaller = remedy(f"BatchLoader(data, batch_size={half}, ...)", f"--batch-size {half}")
    advice = f"Take a smaller one: {smaller}, or" if batch_size > 1 else "Take"
    advice += (
        f" smaller images ({remedy('size=...', '--size')}). "
        f"{remedy('Freezing early layers (tl.freeze_to)', '--method probe')} saves memory, too."
    )
    return explain_memory(f"a batch of {batch_size}", advice, device.type)


def explain_cell(result) -> None:
    """Below the error of a notebook's cell that ran out of memory, say what to do.

    `setup` registers it with IPython, for the cells of plain PyTorch: what goes through the
    library says so itself.
    """
    error = getattr(result, "error_in_exec", None)
    if not is_memory_error(error):
        return
    where, explained = _place(error), isinstance(error, InputError)
    cause = error
    while cause is not None:  # or the next try fails as well: see `explain_memory`
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__
    free_caches()
    if explained:
        return
    from IPython.display import display

    text = (
        f"The cell needs more memory than {where} has left. Take a smaller setting: half the "
        "`batch_size`, fewer pixels (`size`), fewer images. If it fails again, close the kernels "
        "of other notebooks, then *Kernel > Restart Kernel and Run up to Selected Cell*."
    )
    title = "Not enough memory"
    box = callout("bad", title, text)
    display({"text/html": box, "text/plain": f"{title}. {plain(text)}"}, raw=True)


def is_memory_error(error: BaseException | None) -> bool:
    """Whether this error, or one that caused it, says that memory ran out, on any device."""
    import torch

    while error is not None:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            return True
        # The CPU's allocator, MPS and cuBLAS have no error class of their own.
        if isinstance(error, RuntimeError) and any(s in str(error).lower() for s in _SIGNS):
            return True
        error = error.__cause__
    return False


def free_caches() -> None:
    """Give what nothing uses any more back to the device."""
    import torch

    gc.collect()  # a network's hooks and an error's frames often hold each other in a circle
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _place(error: BaseException) -> str:
    """The device that ran out and its size: "cuda (85 GB)"."""
    import torch

    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, torch.OutOfMemoryError) and torch.cuda.is_available():
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        return f"cuda ({total / 1e9:.0f} GB)"
    if "mps" in str(error).lower():
        return "mps"
    return f"cpu ({available_memory() / 1e9:.1f} GB free)"


def _left_in_groups(root: Path) -> Iterator[int]:
    """Bytes that each control group around this process leaves; nothing where there is none."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mount, limit, use, cached = _GROUP_V1 if controllers else _GROUP_V2
        top = root / mount
        folder = top / path.lstrip("/")
        # A limit higher up holds too. Inside a container the path may be that outside, so that only
        # `top` is there.
        for group in [folder, *folder.parents]:
            left = _left(group / limit, group / use, group / "memory.stat", cached)
            if left is not None:
                yield left
            if group == top:
                break


def _left(limit: Path, use: Path, stat: Path, cached: str) -> int | None:
    try:
        # "max" where there is no limit (version 2); version 1 has a number beyond all memories.
        free = int(limit.read_text(encoding="ascii")) - int(use.read_text(encoding="ascii"))
        facts = dict(line.split() for line in stat.read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return None
    return free + int(facts.get(cached, 0))  # cached files give way when memory is wanted
