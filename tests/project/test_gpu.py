"""On a CUDA device (`pytest -m gpu`): the same results, no waiting, and a way out of full memory.

What of benchmarks/gpu.py needs no device is tested everywhere.
"""

from __future__ import annotations

import json
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tlhelpers as tl
from benchmarks import gpu, gpu_common, gpu_profile, roofline
from tlhelpers.core.memory import explain_batch_memory, with_smaller_batches

CLASSES = ["dark", "light"]
CUDA = torch.device("cuda")


def on_gpu(test):
    skip = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
    return pytest.mark.gpu(skip(test))


@pytest.fixture
def data() -> tl.ImageTensors:
    """48 images of 32 px: the dark ones are class 0, the light ones class 1."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(48) % 2
    noise = torch.randint(0, 120, (48, 3, 32, 32), generator=generator)
    images = (noise + 130 * labels[:, None, None, None]).to(torch.uint8)
    return tl.ImageTensors(images, labels, CLASSES)


def network(width: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 2),
    )


def loader(data, device, batch_size=16, **kwargs) -> tl.BatchLoader:
    generator = torch.Generator().manual_seed(1)
    return tl.BatchLoader(data, batch_size, device=device, generator=generator, **kwargs)


def trained(data, device, batch_size=16, **length):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    train = loader(data, device, batch_size, train=True)
    return model, tl.fit(model, train, optimizer=optimizer, progress=False, **length)


@on_gpu
def test_setup_names_the_card(capsys):
    assert tl.setup(seed=0).device.type == "cuda"
    assert torch.cuda.get_device_name() in capsys.readouterr().out


@on_gpu
def test_training_ends_where_the_cpu_does(data):
    """Within what bf16 on the one and fp32 on the other differ by."""
    here, there = (trained(data, device, epochs=4)[0] for device in ("cpu", "cuda"))
    weights = [
        torch.cat([p.detach().cpu().flatten() for p in model.parameters()])
        for model in (here, there)
    ]
    assert F.cosine_similarity(*weights, dim=0) > 0.999


@on_gpu
def test_batches_are_the_same_on_both_devices(data):
    """Order and augmentation come from a CPU generator, whichever device computes."""
    augment = [tl.random_affine(degrees=10, translate=0.1), tl.color_jitter()]
    pairs = zip(
        *(loader(data, d, train=True, augment=augment) for d in ("cpu", "cuda")), strict=True
    )
    for (x, y), (x_cuda, y_cuda) in pairs:
        assert torch.equal(y, y_cuda.cpu())
        # A coordinate rounded the other way takes the neighbouring pixel: a few may differ.
        assert (x - x_cuda.cpu()).abs().mean() < 1e-3


@on_gpu
def test_no_step_waits_for_the_device(data):
    """Steps more or less change nothing in how often Python waits; an epoch waits a few times."""

    def count(**length) -> int:
        return gpu_profile.waits(lambda: trained(data, CUDA, 4, **length), CUDA)

    trained(data, CUDA, 4, steps=2)
    assert count(steps=2) == count(steps=10)
    assert count(epochs=3) - count(epochs=2) <= 8


@on_gpu
def test_a_full_device_halves_the_batch_and_ends_as_if_it_had_begun_so(data, capsys):
    model, images = (
        network(256),
        tl.ImageTensors(
            torch.randint(0, 256, (256, 3, 64, 64), dtype=torch.uint8),
            torch.arange(256) % 2,
            CLASSES,
        ),
    )
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def train(batch: int) -> int:
        train_loader = loader(images, CUDA, batch, train=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        tl.fit(model, train_loader, optimizer=optimizer, steps=1, progress=False)
        return batch

    train(32)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    model.load_state_dict(start)
    train(32)
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    cap = 1.4 * torch.cuda.max_memory_reserved()
    model.load_state_dict(start)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    torch.cuda.set_per_process_memory_fraction(cap / total)
    try:
        fitted = with_smaller_batches(train, 256, restore=lambda: model.load_state_dict(start))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert fitted < 256 and "a batch of 256 does not fit into the memory of cuda" in (
        capsys.readouterr().out
    )
    if fitted == 32:
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-2, atol=1e-4)


@on_gpu
def test_an_explained_error_leaves_the_memory_free():
    def forward() -> torch.Tensor:
        held = torch.empty(2**28, dtype=torch.uint8, device=CUDA)
        return held, torch.empty(2**50, dtype=torch.uint8, device=CUDA)

    before = torch.cuda.memory_allocated()
    with pytest.raises(tl.InputError, match="memory of cuda.*batch_size=8") as caught:
        with explain_batch_memory(CUDA, 16):
            forward()
    assert torch.cuda.memory_allocated() - before < 2**20 and caught.value.__cause__


@on_gpu
def test_features_and_checkpoints_cross_over(data, tmp_path):
    model = tl.load_backbone("resnet18").model
    here, there = (tl.extract_features(model, loader(data, d)) for d in ("cpu", "cuda"))
    # bf16 rounds to three digits, on both devices in its own order
    assert F.cosine_similarity(here.features, there.features).min() > 0.99
    tl.replace_head(model, tl.linear_probe(there))
    assert tl.evaluate(model, loader(data, "cuda"))["accuracy"] > 0.9
    path = tmp_path / "probe.safetensors"
    tl.save_checkpoint(model, path, backbone="resnet18", classes=CLASSES)
    again = tl.load_backbone("resnet18").model
    tl.replace_head(again, 2)
    tl.load_checkpoint(again, path, backbone="resnet18", classes=CLASSES)
    assert tl.fingerprint(again) == tl.fingerprint(model)


@on_gpu
def test_style_transfer_paints_as_on_the_cpu(monkeypatch):
    vgg = tl.load_backbone("vgg16")
    content, painted = gpu_common.smooth_image(64, 1), gpu_common.smooth_image(64, 2)
    there = tl.stylize(vgg, content, painted, size=64, steps=30, progress=False)
    monkeypatch.setattr("tlhelpers.methods.style.transfer.get_device", lambda: torch.device("cpu"))
    here = tl.stylize(vgg, content, painted, size=64, steps=30, progress=False)
    assert there.stopped is None and there.gram_fall == pytest.approx(here.gram_fall, abs=0.1)


# Everywhere: the benchmark's own arithmetic, and that it never keeps a figure no GPU gave.


def test_work_counts_what_torch_counts():
    model = network()
    x = torch.randn(4, 3, 32, 32)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as torch_counts:
        model(x).sum().backward()
    with roofline.Work() as work:
        model(x).sum().backward()
    assert work.flops == torch_counts.get_total_flops() > 0


def test_work_counts_each_operand_and_result_once():
    a, b = torch.ones(100), torch.ones(10, 10)
    with roofline.Work() as work:
        b.view(100).add_(a)  # reads a and b, writes b; the view moves nothing
    assert [(name, moved) for name, _, moved, _ in work.rows] == [("add_", 1200)]
    with roofline.Work() as work:
        b @ b
    assert work.flops == 2 * 10**3 and work.bytes == 1200
    # 2000 operations at 1000 a second take longer than 1200 bytes at 1000 a second.
    assert work.least_seconds({torch.float32: 1000.0}, 1000.0) == 2.0
    assert work.least_seconds({torch.float32: 1e9}, 100.0) == 12.0


def test_the_profile_sets_two_runs_side_by_side():
    a = torch.randn(200, 200)
    result = gpu_profile.compare(lambda: a @ a, lambda: a + a, 1, torch.device("cpu"))
    assert result["operations"][0]["name"] in ("aten::mm", "aten::matmul")
    assert result["operations"][0]["ms"] > 0 == result["operations"][0]["other_ms"]


@pytest.fixture
def no_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("benchmarks.measuring.RESULTS", tmp_path)
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")  # main changes it


def test_without_a_gpu_there_is_no_measurement(no_gpu, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == 2 and "--quick" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_quick_runs_every_part_and_keeps_nothing(no_gpu, monkeypatch, capsys, tmp_path):
    parts = ["finetuning", "levers", "job", "style", "backing_off"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--quick", "--only", *parts])
    assert gpu.main() == 0
    out = capsys.readouterr().out
    assert "not the GPU's figures" in out and not list(tmp_path.iterdir())
    for words in ("peak: bf16", "batch 8: fit", "training", "style, 64 px", "went on with 2"):
        assert words in out


def test_a_part_that_fails_costs_no_other(monkeypatch, capsys, tmp_path):
    """And what is measured on a GPU is on disk after every part."""

    def broken(device, scale, found):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("benchmarks.measuring.machine", lambda: {"gpu": "a card"})
    monkeypatch.setattr("benchmarks.measuring.RESULTS", tmp_path)
    monkeypatch.setenv("TLHELPERS_PROFILE", "mini")
    monkeypatch.setattr(gpu, "PARTS", {broken: 1, fine: 1})
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path / "copy.json")])
    assert gpu.main() == 1 and "no such luck" in capsys.readouterr().out
    for name in ("gpu.json", "copy.json"):
        found = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        assert found["fine"] == {"value": 1} and "no such luck" in found["broken"]["failed"]


def fine(device, scale, found):
    return {"value": 1}
