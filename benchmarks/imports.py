"""What the imports cost: seconds of processes that do little else, and what they load.

    python -m benchmarks.imports              five minutes on two cores
    python -m benchmarks.imports --repeats 1

Each row is a fresh Python process, timed from its start to its end; all rows run once before any
runs again. Seconds of the processor are shown beside those of the clock: the difference is waiting
for the disk, or for other programs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if not __package__:  # run as a file: the library lies beside this folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import ants_bees, measuring

NAME = "imports"
WATCHED = ("torch", "torch._dynamo", "torchvision", "timm", "sklearn", "matplotlib")
LIBRARIES = {
    "import torch": "import torch",
    "and a first optimizer": "import torch; torch.optim.SGD([torch.zeros(1)], 1.0)",
    "import torchvision": "import torchvision",
    "import timm": "import timm",
    "import sklearn.linear_model": "import sklearn.linear_model",
    "import tlhelpers": "import tlhelpers",
    "tl.setup()": "import tlhelpers as tl; tl.setup()",
}
COMMAND = "import runpy; runpy.run_module('tlhelpers', run_name='__main__')"


def rows(scratch: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Name, code and arguments of each process; a later command uses what an earlier one made."""
    for name, code in LIBRARIES.items():
        yield name, code, []
    data, run = ants_bees.find_data(scratch / "data", smoke=True)[0], scratch / "run"
    job = ["finetune", str(data), "--size", "64", "--overwrite", "--out", str(run)]
    yield "python -m tlhelpers --help", COMMAND, ["--help"]
    yield "... doctor", COMMAND, ["doctor"]
    for backbone in ("resnet18", "efficientnet_lite0"):
        more = ["--backbone", backbone, "--method"]
        yield f"... finetune, {backbone}, head only", COMMAND, [*job, *more, "probe"]
        yield f"... predict, {backbone}", COMMAND, ["predict", str(run), str(next_image(data))]
        yield f"... finetune, {backbone}, all", COMMAND, [*job, *more, "lp-ft", "--epochs", "1"]
    for path in sorted((measuring.ROOT / "notebooks").glob("*.ipynb")):
        yield f"imports of {path.stem}", import_cell(path), []


def next_image(folder: Path) -> Path:
    return sorted(folder.glob("val/*/*.jpg"))[0]


def import_cell(notebook: Path) -> str:
    """The lesson's cell tagged `imports`."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if "imports" in c["metadata"].get("tags", [])]
    return "".join(tagged[0]["source"]) if tagged else "pass"


def run(code: str, arguments: list[str]) -> dict:
    """One process: its seconds, and which of the watched modules it has loaded at its end."""
    tell = "import atexit, sys\natexit.register(lambda: print('\\nloaded', "
    tell += f"*[m for m in {WATCHED} if m in sys.modules]))\n"
    environment = os.environ | {"TLHELPERS_PROFILE": "mini", "MPLBACKEND": "Agg"}
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", tell + code, *arguments],
        cwd=measuring.ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    seconds, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise SystemExit(f"{code} {arguments} failed:\n{done.stdout}{done.stderr}")
    parts = ("children_user", "children_system")
    processor = sum(getattr(after, part) - getattr(before, part) for part in parts)
    loaded = done.stdout.split("\nloaded")[-1].split()
    return {"seconds": seconds, "processor": processor, "loaded": loaded}


def measure(repeats: int) -> list[dict]:
    found: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(repeats):
            for name, code, arguments in rows(Path(scratch)):
                found.setdefault(name, []).append(run(code, arguments))
                print(f"{found[name][-1]['seconds']:6.2f}  {name}", flush=True)
    return [
        {"name": name, "loaded": runs[0]["loaded"]}
        | {key: measuring.spread(r[key] for r in runs) for key in ("seconds", "processor")}
        for name, runs in found.items()
    ]


def table(result: list[dict]) -> str:
    lines = ["| process | seconds | of the processor | loaded at its end |", "|---|---:|---:|---|"]
    for row in result:
        of = row["seconds"]
        spread = f" [{of['min']:.1f}, {of['max']:.1f}]" if of["n"] > 1 else ""
        cells = [row["name"], f"{of['median']:.1f}{spread}", f"{row['processor']['median']:.1f}"]
        lines.append(f"| {' | '.join([*cells, ', '.join(row['loaded'])])} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    result = measure(options.repeats)
    measuring.write_result(NAME, {"rows": result})
    print("", table(result), sep="\n")


if __name__ == "__main__":
    main()
