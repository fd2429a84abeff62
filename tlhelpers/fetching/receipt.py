"""Where a fetched thing came from: a small JSON file beside it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from ..core.assets import sha256
from ..core.files import write_text
from .catalogue import Asset


def write(asset: Asset, new: Path, folder: Path, source: str) -> None:
    """Write `NAME.source.json` into `folder`, for what lies in `new`: source, time, digest."""
    facts = {
        "asset": asset.name,
        "what": asset.what,
        "source": source,
        "fetched": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sha256": sha256(new / asset.path),
        "licence": asset.licence,
    }
    write_text(_path(asset, folder), json.dumps(facts, indent=1) + "\n")


def source(asset: Asset, folder: Path) -> str:
    """Where the asset in `folder` came from; "a copy made by hand" where nothing says so."""
    try:
        return str(json.loads(_path(asset, folder).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return "a copy made by hand"


def _path(asset: Asset, folder: Path) -> Path:
    return folder / f"{asset.path}.source.json"
