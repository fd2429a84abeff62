"""A run of `fit` on disk: killed at any point, it goes on from there to the same result.

Safetensors and JSON, so that nothing is unpickled; replaced whole or not at all.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .history import History
from .meters import Meter


@dataclass
class RunState:
    """Everything a run consists of.

    Attributes:
        schedulers: those that are stepped, or None.
        generator: the training loader's; it decides order and augmentation.
        good, best: weights to go back to, and those of the best epoch.
        row: what is known of the epoch under way; batches: how many of it are done.
        epoch_began: the generator's state at its beginning.
        seconds: spent before this process took over.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedulers: list
    generator: torch.Generator | None
    meter: Meter
    good: dict[str, Tensor]
    best: dict[str, Tensor]
    history: History = field(default_factory=History)
    row: dict = field(default_factory=dict)
    batches: int = 0
    epoch_began: Tensor | None = None
    seconds: float = 0.0


class TrainingCheckpoint:
    """Saves a `RunState` to `path` now and then, and brings it back.

    Args:
        every: seconds between two saves; 0 saves after every step.
        writer: whether this process writes; of several, one does, and all read.
    """

    def __init__(self, path: str | Path, *, every: float = 30.0, writer: bool = True):
        self.path, self.every, self.writer = Path(path), every, writer
        self._saved_at = time.monotonic()

    def save(self, state: RunState, seconds: float, *, force: bool = False) -> None:
        """Write the state if it is due. Raises `InputError` when it cannot be written."""
        if not self.writer or not (force or time.monotonic() - self._saved_at >= self.every):
            return
        numbers, tensors = _split(state.optimizer.state_dict()["state"])
        groups = [
            {key: value for key, value in group.items() if key != "params"}
            for group in state.optimizer.param_groups
        ]
        tensors |= {f"model.{k}": v for k, v in state.model.state_dict().items()}
        tensors |= {f"good.{k}": v for k, v in state.good.items()}
        tensors |= {f"best.{k}": v for k, v in state.best.items()}
        tensors |= {f"meter.{k}": v for k, v in state.meter.sums().items()}
        tensors |= {"random.cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        if state.generator is not None:
            tensors |= {"random.now": state.generator.get_state()}
            tensors |= {"random.epoch": state.epoch_began}
        facts = {
            "rows": state.history.rows,
            "steps": state.history.steps,
            "row": state.row,
            "batches": state.batches,
            "seen": state.meter.n,
            "seconds": seconds,
            "groups": groups,
            "numbers": numbers,
            "schedulers": [_plain(s.state_dict()) if s else None for s in state.schedulers],
        }
        write_tensors(self.path, tensors, facts)
        self._saved_at = time.monotonic()

    def restore(self, state: RunState) -> bool:
        """Bring a saved run back into `state`; False when there is none."""
        if not self.path.is_file():
            return False
        tensors, facts = read_tensors(self.path)
        part = _Parts(tensors)
        state.model.load_state_dict(part("model"))
        packed = state.optimizer.state_dict()
        for group, saved in zip(packed["param_groups"], facts["groups"], strict=True):
            group |= saved
        packed["state"] = _join(facts["numbers"], part("optimizer"))
        state.optimizer.load_state_dict(packed)
        for scheduler, saved in zip(state.schedulers, facts["schedulers"], strict=True):
            if scheduler:
                scheduler.load_state_dict(saved)
        device = state.meter.loss.device
        state.good = {k: v.to(device) for k, v in part("good").items()}
        state.best = {k: v.to(device) for k, v in part("best").items()}
        state.meter.load(part("meter"), facts["seen"])
        state.history.rows[:], state.history.steps = facts["rows"], facts["steps"]
        state.row, state.batches, state.seconds = facts["row"], facts["batches"], facts["seconds"]
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
        if state.generator is not None:
            # Between epochs the next one starts from where the generator is now; within one it is
            # put back to the epoch's start, and the batches that are done are drawn again.
            state.epoch_began = tensors["random.epoch" if state.batches else "random.now"]
            state.generator.set_state(state.epoch_began)
        return True


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Tensors and JSON facts in one file, whole or not at all; `InputError` when it cannot be."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # Each its own memory: safetensors refuses tensors that share it (best is good at first).
    own = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    partial = path.with_name(path.name + ".part")
    try:
        save_file(own, partial, metadata={"tlhelpers": json.dumps(facts)})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise InputError(
            f"cannot write {path}: {error}. Make room or choose another folder; what was saved "
            "before is whole, and the same command goes on from it."
        ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """What `write_tensors` wrote; `InputError` for another file or a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["tlhelpers"])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is damaged ({error}). Remove it to start again.") from error


class _Parts:
    """Tensors by the first part of their name."""

    def __init__(self, tensors: dict[str, Tensor]):
        self.tensors = tensors

    def __call__(self, prefix: str) -> dict[str, Tensor]:
        start = prefix + "."
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}


def _split(state: dict) -> tuple[dict, dict[str, Tensor]]:
    """Optimizer state {parameter: {name: value}} as JSON numbers and flat tensors."""
    numbers: dict[str, dict] = {}
    tensors = {}
    for index, entries in state.items():
        for name, value in entries.items():
            if torch.is_tensor(value):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    return numbers, tensors


def _join(numbers: dict, tensors: dict[str, Tensor]) -> dict:
    state: dict[int, dict] = {int(index): dict(entries) for index, entries in numbers.items()}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    return state


def _plain(state: dict) -> dict:
    """A scheduler's state without what cannot be JSON (functions are built anew by the caller)."""
    simple = (int, float, str, bool, list, tuple, type(None))
    return {key: value for key, value in state.items() if isinstance(value, simple)}
