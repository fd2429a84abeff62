"""Kill a fine-tuning job again and again at random moments; what comes out must not change.

    python tests/kill_and_resume.py DATA FOLDER [kills]

Real SIGKILLs. Libraries are imported once and every attempt is a fork, so that twenty of them take
seconds; nothing is computed before the fork, as threads do not survive one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot  # noqa: E402, F401
import sklearn.linear_model  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401
import torch  # noqa: E402
import torchvision.models  # noqa: E402, F401

from tlhelpers.figures.curves import plot_confusion_matrix, plot_history  # noqa: E402, F401
from tlhelpers.jobs.finetune import finetune
from tlhelpers.jobs.settings import Settings  # noqa: E402


def start(data: str, out: Path, save_every: float) -> int:
    """Run the job in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        torch.set_num_threads(1)
        settings = Settings("resnet18", epochs=2, batch_size=8, size=32)
        sys.stderr = open(os.devnull, "w")  # progress
        finetune(data, out, settings, device="cpu", save_every=save_every, threads=1)
        status = 0
    finally:
        os._exit(status)


def finish(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert status == 0, f"a run ended with status {status}"


def result(out: Path) -> tuple[bytes, str, dict]:
    """What must not change: the model file to the bit, the answers, the metrics without times."""
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    del metrics["seconds"]
    for row in metrics["history"]:
        del row["seconds"]
    answers = (out / "predictions.csv").read_text(encoding="utf-8")
    return (out / "model.safetensors").read_bytes(), answers, metrics


def main(data: str, folder: str, kills: int = 24) -> None:
    draw, began = random.Random(0), time.perf_counter()
    whole = Path(folder, "whole")
    finish(start(data, whole, 1e9))
    duration, expected = time.perf_counter() - began, result(whole)
    done = too_late = number = 0
    stages: dict[str, int] = {}
    while done < kills:
        number, out = number + 1, Path(folder, f"killed-{number}")
        for _ in range(min(draw.randint(2, 5), kills - done)):
            child = start(data, out, draw.choice([0.0, 0.05, 1e9]))
            time.sleep(draw.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            if (out / "metrics.json").is_file():
                too_late += 1
                break
            done += 1
            made = sorted(p.name for p in (out / "work").glob("*")) if out.is_dir() else []
            made = [name for name in made if not name.startswith(".tmp")]
            stages[" ".join(made)] = stages.get(" ".join(made), 0) + 1
        if not (out / "metrics.json").is_file():
            finish(start(data, out, 0.05))
        assert result(out) == expected, f"{out}: another result after a kill"
    for made, count in sorted(stages.items(), key=lambda item: -item[1]):
        print(f"{count:3} kills left behind: {made or 'nothing'}")
    print(
        f"{done} kills (and {too_late} that came after the end); a whole run took {duration:.1f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
