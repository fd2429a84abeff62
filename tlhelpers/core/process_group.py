"""One job in several processes, on one machine or many.

torchrun starts the processes and sets RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT;
anything else that sets these will do (SLURM, Kubeflow, Ray). There is no launcher here.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist

# Imported once a group exists (DistributedDataParallel does so), this module keeps the group as its
# functions' default, and gloo's threads with it: at times they abort the process as it exits.
import torch.distributed.nn
from torch import Tensor, nn

from .environment import whole_number
from .errors import InputError


class PeerLost(RuntimeError):
    """Another process of the job has ended, so this one cannot continue."""


@dataclass(frozen=True)
class ProcessGroup:
    """Which process this is, and what all of them do together.

    Attributes:
        rank: number of this process, 0 to size - 1; local_rank: its number on this machine.
        local_size: processes on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes files."""
        return self.rank == 0

    def shard(self, n: int) -> range:
        """This process's part of n things, in order: parts differ by one at most."""
        ends = [n * rank // self.size for rank in range(self.size + 1)]
        return range(ends[self.rank], ends[self.rank + 1])

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            with _together():
                dist.all_reduce(tensor)
        return tensor

    def gather(self, rows: Tensor, n: int) -> Tensor:
        """All n rows in order, where each process gives those of its `shard(n)`."""
        if self.size == 1:
            return rows
        longest = -(-n // self.size)
        padded = rows.new_zeros((longest, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        with _together():
            dist.all_gather(parts, padded)
        shards = [ProcessGroup(rank, self.size).shard(n) for rank in range(self.size)]
        return torch.cat([part[: len(shard)] for part, shard in zip(parts, shards, strict=True)])

    def broadcast(self, *tensors: Tensor) -> None:
        """Give every process the values of the main process, in place."""
        if self.size > 1:
            with _together():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def barrier(self) -> None:
        """Wait until all processes have come here."""
        self.sum(torch.zeros(1))

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model for a training step, its gradients averaged over the processes.

        Call it after freezing: only what is trainable now is averaged. Buffers stay each process's
        own; those of frozen layers do not move.
        """
        if self.size == 1:
            return model
        with _together(), warnings.catch_warnings():
            # torch 2.15 has a new name for broadcast_buffers, torch 2.8 only the old one
            warnings.simplefilter("ignore", FutureWarning)
            return nn.parallel.DistributedDataParallel(
                model, broadcast_buffers=False, gradient_as_bucket_view=True
            )


SINGLE_PROCESS = ProcessGroup()


@contextlib.contextmanager
def connect() -> Iterator[ProcessGroup]:
    """Join the other processes of the job; `SINGLE_PROCESS` when this is the only one.

    Tensors on a GPU travel by NCCL, others by gloo. Raises `InputError` for an environment that is
    not whole, and `PeerLost` when another process ends before the job is done.
    """
    if "RANK" not in os.environ:
        yield SINGLE_PROCESS
        return
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    if missing := [name for name in names if name not in os.environ]:
        raise InputError(
            f"RANK is set and {', '.join(missing)} is not. Start several processes with torchrun: "
            "torchrun --nproc-per-node=2 -m tlhelpers finetune ...; or unset RANK."
        )
    rank, size = whole_number("RANK"), whole_number("WORLD_SIZE")
    local_rank = whole_number("LOCAL_RANK", rank)
    local_size = whole_number("LOCAL_WORLD_SIZE", size)
    backend = "gloo"
    if torch.cuda.is_available() and local_rank < torch.cuda.device_count():
        torch.cuda.set_device(local_rank)
        backend = "cpu:gloo,cuda:nccl"
    with _together():
        dist.init_process_group(backend)
    try:
        yield ProcessGroup(rank, size, local_rank, local_size)
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """Explain a broken connection to another process."""
    try:
        yield
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or is_peer_loss(error):
            raise PeerLost(
                "another process of this job has ended, so all end here. Look for the first error "
                "above. The same command resumes from the last save."
            ) from error
        raise


def is_peer_loss(error: BaseException) -> bool:
    """Whether gloo or NCCL reports that the other end is gone."""
    signs = ("closed by peer", "connection reset", "broken pipe", "timed out waiting", "gloo")
    return any(sign in str(error).lower() for sign in signs)
