"""A student a tenth of the size: hard labels against a teacher's answers, few and many pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from tlhelpers.methods.distillation import distillation_loss
from tlhelpers.models.mini import mini_resnet18

from . import BATCH, SEEDS, TUNING_SEEDS, accuracy, endless, new_head, source_trunk, targets, train

LABELLED, WIDTH, STUDENT_STEPS, TEACHER_RATE = 10, 0.04, 600, 3e-3
RATES, TEMPERATURE = (1e-2, 3e-2, 1e-1, 3e-1), 4.0
ARMS = {  # name: pictures, what is learnt from
    "hard labels, few": ("few", "labels"),
    "teacher's answers, few": ("few", "soft"),
    "teacher's class, many": ("many", "hard"),
    "teacher's answers, many": ("many", "soft"),
}


def student() -> nn.Module:
    """A mini ResNet-18 with about a tenth of the parameters, from random weights."""
    return mini_resnet18(10, width=WIDTH)


def teacher(seed: int) -> nn.Module:
    """The source network fine-tuned on ten labelled digits of each class."""
    data = targets(seed)["handwriting"]["pool"].per_class(LABELLED, seed=seed)
    trunk, head = source_trunk()[0], new_head(targets(seed)["handwriting"]["pool"], seed)
    train(trunk, head, data, TEACHER_RATE, seed)
    return nn.Sequential(trunk, head).eval()


def distil(arm: str, taught: nn.Module, seed: int, rate: float) -> float:
    """Train a student and return its accuracy."""
    which, how = ARMS[arm]
    parts = targets(seed)["handwriting"]
    data = parts["pool"].per_class(LABELLED, seed=seed) if which == "few" else parts["pool"]
    torch.manual_seed(seed)
    network = student()
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=STUDENT_STEPS, pct_start=0.15
    )
    stream = endless(data, torch.Generator().manual_seed(seed), BATCH)
    network.train()
    for _ in range(STUDENT_STEPS):
        x, y = next(stream)
        logits = network(x)
        if how == "labels":
            loss = F.cross_entropy(logits, y)
        else:
            with torch.no_grad():
                answers = taught(x)
            if how == "hard":
                loss = F.cross_entropy(logits, answers.argmax(1))
            else:
                loss = distillation_loss(logits, answers, TEMPERATURE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return accuracy(network, nn.Identity(), parts["test"])


def distilling_part() -> dict:
    """Choose each arm's rate on a tuning seed, then measure."""
    tune, tuning, rows = TUNING_SEEDS[0], {}, []
    taught = teacher(tune)
    for arm in ARMS:
        tried = {rate: distil(arm, taught, tune, rate) for rate in RATES}
        best = max(tried, key=tried.get)
        tuning[arm] = {"best": best, "grid": [[r, round(v, 4)] for r, v in tried.items()]}
        print("distilling", arm, best, flush=True)
    for seed in SEEDS:
        taught = teacher(seed)
        test = targets(seed)["handwriting"]["test"]
        rows.append(
            {"seed": seed, "arm": "the teacher", "accuracy": accuracy(taught, nn.Identity(), test)}
        )
        for arm in ARMS:
            found = distil(arm, taught, seed, tuning[arm]["best"])
            rows.append({"seed": seed, "arm": arm, "accuracy": found})
    networks = {"teacher": taught, "student": student()}
    sizes = {name: tl.count_parameters(one)["total"] for name, one in networks.items()}
    return {"tuning": tuning, "parameters": sizes, "rows": rows}
