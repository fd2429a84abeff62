"""Memory: what is left is read right, too much is refused, and a batch that does not fit halves."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from tlhelpers.core import memory
from tlhelpers.core.errors import InputError

CPU_ERROR = (  # as torch raises it on Linux
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"
)


def write_group(folder: Path, names: tuple[str, str, str], limit, used, cached) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(names, (limit, used), strict=False):
        (folder / name).write_text(f"{text}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_group_counts(tmp_path, version):
    """A job may ask for much inside a container that has little."""
    names = V2 if version == 2 else V1
    top = tmp_path / "sys/fs/cgroup" / ("" if version == 2 else "memory")
    cgroup = tmp_path / "proc/self/cgroup"
    cgroup.parent.mkdir(parents=True)
    cgroup.write_text("0::/box/job\n" if version == 2 else "7:cpu:/\n4:memory:/box/job\n")
    write_group(top / "box/job", names, 9000, 1000, 0)
    write_group(top / "box", names, 4000, 3500, 700)
    assert min(memory._left_in_groups(tmp_path)) == 4000 - 3500 + 700
    write_group(top / "box", names, "max", 3500, 700)
    assert min(memory._left_in_groups(tmp_path)) == 8000


def test_a_container_sees_only_its_own_top_folder(tmp_path):
    cgroup = tmp_path / "proc/self/cgroup"
    cgroup.parent.mkdir(parents=True)
    cgroup.write_text("0::/outside/name\n")
    write_group(tmp_path / "sys/fs/cgroup", V2, 2000, 500, 0)
    assert list(memory._left_in_groups(tmp_path)) == [1500]
    assert list(memory._left_in_groups(tmp_path / "not-linux")) == []


def test_available_memory_is_no_more_than_the_system_has():
    assert 0 < memory.available_memory() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("groups", "left"), [([], 5000), ([7000, 900], 900), ([9000], 5000), ([-3], 0)]
)
def test_the_tighter_of_system_and_groups_counts(monkeypatch, groups, left):
    # The figures are made up: whether they follow what this process takes is the system's affair,
    # and some containers show their host's.
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5000))
    monkeypatch.setattr(memory, "_left_in_groups", lambda root: iter(groups))
    assert memory.available_memory() == left


def test_too_much_is_refused_with_both_figures(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000_000)
    memory.check_memory(8_000_000_000, "40 images", "Take fewer.")
    with pytest.raises(InputError, match=r"40 images would take 8.10 GB.*10.00 GB are.*Take few"):
        memory.check_memory(8_100_000_000, "40 images", "Take fewer.")
    memory.check_memory(8_100_000_000, "40 images", "Take fewer.", share=0.9)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(CPU_ERROR),
        RuntimeError("[...] DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
    ids=["cuda", "linux", "windows", "cublas", "numpy"],
)
def test_the_batch_halves_until_it_fits(error, capsys):
    tried, restored = [], []

    def run(batch_size: int) -> str:
        tried.append(batch_size)
        if batch_size > 15:
            raise error
        return f"done with {batch_size}"

    done = memory.with_smaller_batches(run, 100, restore=lambda: restored.append(len(tried)))
    assert done == "done with 12" and tried == [100, 50, 25, 12] and restored == [1, 2, 3]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("a batch of 100 does not fit into the memory of")
    assert lines[2].endswith("trying 12")


def test_the_failed_batch_is_let_go_before_the_next_try():
    held: list[weakref.ref] = []

    def step(batch_size: int) -> None:
        assert all(batch() is None for batch in held), "the batch that failed is still in memory"
        batch = torch.zeros(batch_size)
        held.append(weakref.ref(batch))
        if batch_size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    memory.with_smaller_batches(step, 8)
    assert len(held) == 3


def test_a_batch_of_one_that_does_not_fit_ends_it():
    def run(batch_size: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(InputError, match="not even a batch of one.*smaller images"):
        memory.with_smaller_batches(run, 4)


def test_other_errors_pass_through_at_once():
    tried = []

    def run(batch_size: int) -> None:
        tried.append(batch_size)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        memory.with_smaller_batches(run, 4)
    assert tried == [4]


def test_a_real_refusal_of_the_cpu_allocator_is_explained_and_backed_off():
    def run(batch_size: int) -> int:
        with memory.explain_batch_memory(torch.device("cpu"), batch_size):
            torch.empty(batch_size * 2**55, dtype=torch.uint8)  # no machine has it
        return batch_size

    with pytest.raises(
        InputError, match=r"a batch of 32 .* of cpu.*batch_size=16.*size="
    ) as caught:
        run(32)
    assert memory.is_memory_error(caught.value)
    with pytest.raises(InputError, match="not even a batch of one"):
        memory.with_smaller_batches(run, 2)


def test_an_explained_error_lets_go_of_the_tensors_it_failed_on():
    held = []

    def forward() -> None:
        batch = torch.zeros(8)
        held.append(weakref.ref(batch))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(InputError) as caught:
        with memory.explain_batch_memory(torch.device("cuda"), 1):
            forward()
    gc.collect()
    assert caught.value.__cause__ is not None and held[0]() is None
    assert "batch_size" not in str(caught.value)


def test_other_errors_are_not_explained_as_memory():
    with pytest.raises(RuntimeError, match="^shapes$"):
        with memory.explain_batch_memory(torch.device("cpu"), 8):
            raise RuntimeError("shapes")
