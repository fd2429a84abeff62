"""What every benchmark says beside its figures: on which machine, by which command, how often."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def machine() -> dict:
    """The kind of machine and the versions; nothing that tells one machine from another."""
    import torch

    from tlhelpers.core.runtime import autocast, get_device, has_bfloat16

    with autocast(torch.device("cpu")):
        bf16_in_use = torch.is_autocast_enabled("cpu")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": _cpu(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": "bf16" if bf16_in_use else "fp32",
        "gpu": gpu,
        "bf16": has_bfloat16(get_device()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": _version("torchvision"),
        "timm": _version("timm"),
        "os": f"{platform.system()} {platform.machine()}",
        "date": _today(),
    }


# Results are comparable where all of these are equal.
KIND = ("cpu", "instructions", "precision", "cores", "threads", "gpu")
VERSIONS = ("python", "torch", "torchvision", "timm", "os")


def machine_key(of: dict) -> str:
    """The processor and the versions as one string: results of one key belong together.

    The processor's name is not enough: the same name stands for machines with and without AVX-512,
    and the environment may switch a set of instructions off.
    """
    kind = [f"{of[name]} {name}" if name in ("cores", "threads") else of[name] for name in KIND]
    versions = [of[name] if name == "os" else f"{name} {of[name]}" for name in VERSIONS]
    return ", ".join(filter(None, kind + versions))


def describe_machine(of: dict) -> str:
    """One line for a table's caption."""
    kind = of["gpu"] or f"{of['cpu']}, {of['cores']} cores"
    used = "" if of["gpu"] else f", {of['threads']} threads"
    native = "native" if of["bf16"] else "no native"
    used += f", {of['instructions']}" if "instructions" in of and not of["gpu"] else ""
    versions = ", ".join(f"{k} {of[k]}" for k in ("torch", "torchvision", "timm") if of[k])
    return (
        f"{kind}{used} ({native} bf16), {of['os']}, Python {of['python']}, {versions}, {of['date']}"
    )


def spread(values: Iterable[float]) -> dict:
    """Median, min, max, mean and std (of a sample; 0 for a single value, so look at n as well)."""
    values = [float(value) for value in values]
    if not values:
        raise ValueError("spread needs one value at least.")
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "n": len(values),
        "values": values,
    }


def write_result(name: str, result: dict) -> Path:
    """Write `result` with machine, command and date as benchmarks/results/NAME.json.

    The file is replaced in one step: whoever reads it, or interrupts, never meets half of it.
    """
    return write_file(name, stamped(result))


def stamped(result: dict) -> dict:
    """`result` with machine, command and date in front."""
    return {"machine": machine(), "command": _command(), "date": _today(), **result}


def write_file(name: str, full: dict) -> Path:
    """Write `full` as it is; the file is replaced in one step, as in `write_result`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=RESULTS, prefix=f".{name}-", suffix=".json")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(full, file, indent=1)
            file.write("\n")
        os.chmod(draft, 0o644)  # mkstemp lets nobody else read it
        path = RESULTS / f"{name}.json"
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return path


def read_result(name: str) -> dict | None:
    """What `write_result` wrote, or None."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _cpu() -> str:
    try:
        if sys.platform == "darwin":
            ask = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Cores this process may use: a container or `taskset` may allow fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def _command() -> str:
    script = Path(sys.argv[0])
    start = f"-m benchmarks.{script.stem}" if script.parent.name == "benchmarks" else script.name
    # Folders of this one machine would say nothing to a reader.
    rest = [Path(a).name if os.path.isabs(a) else a for a in sys.argv[1:]]
    return f"python {start} {shlex.join(rest)}".strip()
