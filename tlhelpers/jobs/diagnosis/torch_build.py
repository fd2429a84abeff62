"""torch, torchvision and the device: whether they load, fit together, and compute."""

from __future__ import annotations

import re
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from .finding import Finding, first_line, install_tested_set, pip_install
from .packages import installed, tested
from .probe import SECONDS, Look

WHEELS = "https://download.pytorch.org/whl/"
SELECTOR = "https://pytorch.org/get-started/locally"  # the pip line for each CUDA
# What torchvision says, in its own words or the linker's, when it was built for another torch.
MISMATCH = re.compile(
    r"operator torchvision::\w+ does not exist|Couldn't load custom C\+\+ ops"
    r"|undefined symbol|Symbol not found|DLL load failed|procedure could not be found"
)


def torch(look: Look) -> Iterator[Finding]:
    """Whether torch and torchvision can be used, each fault with the line that mends it."""
    names = ("torch", "torchvision")
    details = ", ".join(f"{n} {v}" for n in names if (v := installed(n)))
    if not installed("torch") and look.error("torch"):
        yield Finding("torch", "problem", "torch is not installed", _install_both())
    elif (error := look.error("torch")) and (file := _another_file(look)):
        details = f"{file} is taken for torch, and is not it ({first_line(error)})"
        yield Finding("torch", "problem", details, "rename it, and start again")
    elif error := look.error("torch"):
        yield Finding("torch", "problem", f"{details}: torch {_says(error)}", _unloadable(error))
    elif "torch" not in look.stages:
        yield Finding("torch", "problem", f"{details}: {look.ended}", _ended(look.ended))
    elif error := look.error("numpy"):
        line = pip_install(tested("numpy") or "numpy")
        details += f": this torch cannot use numpy {installed('numpy')} ({first_line(error)})"
        yield Finding("torch", "problem", details, f"`{line}`, then restart the kernels")
    elif not installed("torchvision") and look.error("torchvision"):
        details += ": torchvision is not installed"
        yield Finding("torch", "problem", details, _install_torchvision())
    elif error := look.error("torchvision"):
        if MISMATCH.search(error):
            details += ": torchvision was built for another torch"
        yield Finding(
            "torch", "problem", f"{details} ({first_line(error)})", _install_torchvision()
        )
    elif "torchvision" not in look.stages:
        details += f": torchvision cannot be loaded, {look.ended}"
        yield Finding("torch", "problem", details, _install_torchvision())
    else:
        yield Finding("torch", "ok", details)


def device(look: Look) -> Iterator[Finding]:
    """What is computed on, and why a graphics card that is here is not used."""
    if "torch" not in look.stages or look.error("torch"):
        return  # said already
    facts = look.stages.get("device", {})
    if error := facts.get("error", "" if facts else look.ended or "it was not looked at"):
        remedy = (
            "compute on the CPU: set the environment variable CUDA_VISIBLE_DEVICES to -1 and start "
            f"again. To use the card, install a torch that was built for it: {SELECTOR}"
        )
        if "cuda" not in error.lower():
            remedy = install_tested_set()
        yield Finding("device", "problem", f"cannot compute: {first_line(error)}", remedy)
        return
    precision = "bf16" if facts["bfloat16"] else "fp32"
    details = f"{facts['name']}, {precision} arithmetic"
    why, remedy = _unused_card(facts, look.stages["torch"].get("cuda"))
    if facts["kind"] == "cpu" and why:
        yield Finding("device", "note", f"{details}; {why}", remedy)
    else:
        yield Finding("device", "ok", details)


def _unused_card(facts: dict, built_for: str | None) -> tuple[str, str]:
    """Why an NVIDIA card does not take part, and the remedy; two "" where there is none."""
    warnings = [text for text in facts["warnings"] if "cuda" in text.lower()]
    fine = "the lessons run on the CPU meanwhile"
    if old := next((text for text in warnings if "too old" in text), None):
        # The number is 1000 * major + 10 * minor of the newest CUDA that the driver knows.
        found = re.search(r"found version (\d+)", old)
        knows = f"{int(found[1]) // 1000}.{int(found[1]) % 1000 // 10}" if found else "less"
        return (
            f"the NVIDIA driver is too old for this torch: it knows CUDA {knows}, and torch was "
            f"built for {built_for}",
            f"{fine}. To use the card, install a newer driver, https://www.nvidia.com/drivers, or "
            f"a torch for CUDA {knows} or older, if {SELECTOR} offers one",
        )
    if built_for is None and sys.platform != "darwin" and shutil.which("nvidia-smi"):
        return (
            "an NVIDIA driver is here, and this torch was built for the CPU only",
            f"{fine}. To use the card, install torch for CUDA: {SELECTOR}",
        )
    if warnings and shutil.which("nvidia-smi"):
        return f"CUDA cannot be used: {first_line(warnings[0])}", f"{fine}"
    return "", ""


def _another_file(look: Look) -> str:
    """The file that hides the installed torch: a torch.py of one's own, for example; "" if none."""
    file = look.stages.get("found", {}).get("file", "")
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    places |= {*site.getsitepackages(), site.getusersitepackages()}
    return "" if any(Path(p) in Path(file).parents for p in places) else file


def _says(error: str) -> str:
    return f"cannot be imported ({first_line(error)})"


def _index() -> list[str]:
    """The index that the installed torch came from, if its version says so (`2.15.0+cpu`)."""
    label = (installed("torch") or "").partition("+")[2]
    return ["--index-url", WHEELS + label] if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+", label) else []


def _install_both() -> str:
    both = pip_install(tested("torch") or "torch", tested("torchvision") or "torchvision")
    return f"install it with the torchvision that fits: `{both}`; or {install_tested_set()}"


def _install_torchvision() -> str:
    """The pip line for the torchvision of the tested torch, or for both."""
    pin = tested("torchvision")
    have, want = (installed("torch") or "").partition("+")[0], tested("torch").partition("==")[2]
    if pin and have == want:
        line = pip_install("--force-reinstall", "--no-deps", pin, *_index())
    else:
        line = pip_install(tested("torch") or "torch", pin or "torchvision", *_index())
    return f"install the torchvision that fits: `{line}`, then restart the kernels"


def _unloadable(error: str) -> str:
    line = pip_install("--force-reinstall", "--no-deps", tested("torch") or "torch", *_index())
    again = f"install torch again: `{line}`; if that does not help, {install_tested_set()}"
    if "WinError" in error or "DLL" in error:
        return (
            "install Microsoft's Visual C++ Redistributable (https://aka.ms/vs/17/release/"
            f"vc_redist.x64.exe) and start again; if that does not help, {again}"
        )
    return again


def _ended(how: str) -> str:
    if str(SECONDS) in how:
        return "close other programs, and run this again; a virus scanner may read every file first"
    return (
        "signal 4 means that torch has no code for this processor: take another machine. "
        f"If it is something else, {install_tested_set()}"
    )
