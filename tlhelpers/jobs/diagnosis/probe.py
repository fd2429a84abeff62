"""What shows only when it is loaded: torch, torchvision, a notebook's kernel.

`Looking` runs `main` in a process of its own. A library that ends the process, waits for ever or
prints to the terminal then spoils nothing, and what was found before that is known: every stage
prints one line of JSON, with its facts or its "error", and with the warnings it gave.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass, field

from .finding import COURSE

SECONDS = 180  # a first import on a slow disk, under a virus scanner, may take a minute
SENT = "tlhelpers-probe "


@dataclass
class Look:
    """The facts of each stage that was reached; how the process ended ("" if as it should)."""

    stages: dict[str, dict] = field(default_factory=dict)
    ended: str = ""

    def error(self, stage: str) -> str:
        """What went wrong in this stage; "" if nothing did, or it was not reached."""
        return self.stages.get(stage, {}).get("error", "")


class Looking:
    """A probe that runs while other checks do; `result()` waits for it."""

    def __init__(self, what: str):
        # The library may be importable from this folder only, and not be installed. PYTHONPATH
        # stays as it is: the kernel must see what a notebook sees.
        code = (
            f"import sys; sys.path.insert(1, {str(COURSE)!r}); "
            f"from {__name__} import main; main({what!r})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def result(self) -> Look:
        look = Look()
        try:
            out, err = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, err = self._process.communicate()
            look.ended = f"it did not end within {SECONDS} s"
        for line in out.decode("utf-8", "replace").splitlines():
            if line.startswith(SENT):
                facts = json.loads(line[len(SENT) :])
                look.stages[facts.pop("stage")] = facts
        if not look.ended and self._process.returncode:
            last = err.decode("utf-8", "replace").strip().splitlines()[-1:]
            code = self._process.returncode
            signal = f"signal {-code}" if code < 0 else f"status {code}"
            look.ended = " ".join([f"its process ended with {signal}", *last])
        return look


def _found() -> dict:
    """The file that `import torch` takes."""
    spec = importlib.util.find_spec("torch")
    return {"file": str(spec and (spec.origin or list(spec.submodule_search_locations or [""])[0]))}


def _torch() -> dict:
    import torch

    facts = {"version": torch.__version__, "cuda": torch.version.cuda}
    torch.zeros(2).sum().item()
    return facts


def _numpy() -> dict:
    import torch

    torch.zeros(2).numpy()  # fails where torch was built for another numpy
    return {}


def _torchvision() -> dict:
    import torch
    import torchvision
    from torchvision.ops import nms

    nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)  # a compiled operator
    return {"version": torchvision.__version__}


def _device() -> dict:
    import torch

    from tlhelpers.core import runtime

    device = runtime.get_device()
    facts = {
        "kind": device.type,
        "name": runtime.device_name(device),
        "bfloat16": runtime.has_bfloat16(device),
    }
    torch.ones(2, device=device).sum().item()  # a GPU that this torch has no code for fails here
    return facts


def _kernelspec() -> dict:
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    return {"argv": spec.argv, "folder": spec.resource_dir}


def _kernel() -> dict:
    """Start the kernel that a lesson asks for, as JupyterLab does, and ask it who it is."""
    import ast

    from jupyter_client.manager import start_new_kernel

    code = (
        "import sys, importlib.util as u\n"
        "answer = sys.executable, sys.prefix, u.find_spec('tlhelpers') is not None"
    )
    # Not the course's folder: there, tlhelpers can be imported without being installed.
    manager, client = start_new_kernel(
        startup_timeout=60,
        kernel_name="python3",
        cwd=tempfile.gettempdir(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        reply = client.execute(
            code, reply=True, timeout=60, user_expressions={"answer": "repr(answer)"}
        )
        text = reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    executable, prefix, has_library = ast.literal_eval(ast.literal_eval(text))
    return {"executable": executable, "prefix": prefix, "tlhelpers": has_library}


STAGES = {
    "torch": [_found, _torch, _numpy, _torchvision, _device],
    "kernel": [_kernelspec, _kernel],
}


def main(what: str) -> None:
    """Go through the stages; after one that fails, the later ones still say what they can."""
    for stage in STAGES[what]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                facts = stage()
            except BaseException as error:
                facts = {"error": f"{type(error).__name__}: {error}"}
        facts["warnings"] = [str(w.message) for w in caught]
        print(SENT + json.dumps({"stage": stage.__name__[1:], **facts}), flush=True)
