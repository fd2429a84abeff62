"""The SHA-256 of each photograph of ants and bees, by which a download is verified.

    python -m data.recipes.photographs_manifest FOLDER/hymenoptera_data

Writes `data/manifests/hymenoptera_data.txt`, a line for each of the 397 images, in the form that
`sha256sum --check` reads. It holds digests and names only: the photographs are not ours to pass on.
The set's `imageNotFound.gif` is no image of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tlhelpers.core.assets import sha256
from tlhelpers.core.files import write_text
from tlhelpers.fetching.photographs import COUNTS, MANIFEST, images


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise SystemExit("python -m data.recipes.photographs_manifest FOLDER/hymenoptera_data")
    root = Path(arguments[0])
    paths = images(root)
    counts = {part: sum(path.startswith(f"{part}/") for path in paths) for part in COUNTS}
    if counts != COUNTS:
        raise SystemExit(f"{root} holds {counts} images, and the set has {COUNTS}")
    MANIFEST.parent.mkdir(exist_ok=True)
    write_text(MANIFEST, "".join(f"{sha256(root / path)}  {path}\n" for path in paths))
    print(f"{MANIFEST}: {len(paths)} images. Its own SHA-256, for fetching/photographs.py:")
    print(sha256(MANIFEST))


if __name__ == "__main__":
    main(sys.argv[1:])
