"""Environments that are broken on purpose: real ones, with links to what is installed here.

`Environment` makes a virtual environment whose packages are links to those of this Python, without
the ones that a fault takes away; `stub` puts another package in its place. So torch can be missing,
or a fake, while pip's records, Jupyter's kernels and the interpreter are real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Enough of torch for what doctor asks it, so that most faults need not load the real one.
TORCH = """
__version__ = "2.15.0"
__file__ = __file__

class version:
    cuda = None

class Tensor:
    sum = lambda self: self
    item = lambda self: 2.0
    numpy = lambda self: None

def zeros(*shape, device="cpu"):
    return Tensor()

ones = tensor = zeros
get_num_threads = lambda: 2

class device:
    def __init__(self, kind):
        self.type = kind

class cuda:
    is_available = staticmethod(lambda: False)
    get_device_name = staticmethod(lambda device: "a card")
    is_bf16_supported = staticmethod(lambda including_emulation: True)

class cpu:
    pass

class backends:
    class mps:
        is_available = staticmethod(lambda: False)
"""
TORCHVISION = "__version__ = '0.29.2'\n"


class Environment:
    """A virtual environment in `folder`; packages whose name begins with one of `without` stay out.

    The library itself is found through PYTHONPATH, with its record of what it requires.
    """

    def __init__(self, folder: Path, *without: str):
        self.folder = folder
        venv.create(folder, symlinks=True, with_pip=False)
        self.python = folder / "bin" / "python"
        self.site = next(folder.glob("lib/python*/site-packages"))
        self.variables = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.work = folder / "work"
        self.work.mkdir()
        for name in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for entry in Path(name).iterdir():
                plain = entry.name.lower().replace("_", "-")
                if plain.startswith(without) or (self.site / entry.name).exists():
                    continue
                (self.site / entry.name).symlink_to(entry)
        shutil.copytree(Path(sys.prefix, "share", "jupyter"), folder / "share" / "jupyter")

    def stub(self, name: str, version: str | None, **modules: str) -> None:
        """A package of these modules, with pip's record of `version`, in place of the real one.

        A `version` of None leaves a record that is damaged: its METADATA is missing.
        """
        plain = name.replace("-", "_")
        for old in self.site.glob(f"{plain}*"):
            if old.name == plain or old.name.lower().startswith(f"{plain}-"):
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        for module, text in modules.items():
            path = self.site / plain / f"{module}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        record = self.site / f"{plain}-{version or '1.0'}.dist-info"
        record.mkdir()
        (record / "RECORD").touch()
        if version:
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            (record / "METADATA").write_text(text, encoding="utf-8")

    def stub_torch(self, more: str = "") -> None:
        """The fake torch, changed by the lines `more`, and a fake torchvision that fits it."""
        self.stub("torch", "2.15.0", __init__=TORCH + more, nn="class Module: ...")
        self.stub("torchvision", "0.29.2", __init__=TORCHVISION, ops="nms = lambda *_: None")

    def run(self, *words: str) -> subprocess.CompletedProcess:
        """`python -m tlhelpers WORDS` in this environment, as a learner would call it."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TLHELPERS_", "JUPYTER"))}
        return subprocess.run(
            [self.python, "-m", "tlhelpers", *words],
            cwd=self.work,
            env=kept | self.variables,
            capture_output=True,
            text=True,
            timeout=100,
        )

    def doctor(self) -> tuple[int, dict[str, dict]]:
        """Doctor's exit status and its findings by name; it must never end with a traceback."""
        done = self.run("doctor", "--json")
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        report = json.loads(done.stdout)
        assert report["ready"] == (done.returncode == 0), done.returncode
        return done.returncode, {f["what"]: f for f in report["findings"]}
