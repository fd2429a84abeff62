"""Batches: right numbers, every sample its own draw, the same seed the same batch."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

import tlhelpers as tl

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def image_set(n: int, side: int = 8, seed: int = 0) -> tl.ImageTensors:
    images = torch.randint(0, 256, (n, 3, side, side), generator=seeded(seed), dtype=torch.uint8)
    return tl.ImageTensors(images, torch.arange(n) % 3, ["a", "b", "c"])


def loader(data, batch_size=4, **options) -> tl.BatchLoader:
    return tl.BatchLoader(data, batch_size, device="cpu", **options)


def test_values_are_those_of_the_textbook():
    data = image_set(10)
    batches = loader(data, mean=MEAN, std=STD)
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    torch.testing.assert_close(x, (data.images / 255 - mean) / std)
    assert torch.equal(y, data.labels) and x.dtype == torch.float32
    assert [len(labels) for _, labels in batches] == [4, 4, 2] and len(batches) == 3
    first = next(iter(batches))[0]
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert batches.classes == ["a", "b", "c"] and batches.data is data


def test_without_mean_values_stay_in_0_to_1():
    data = image_set(4)
    torch.testing.assert_close(next(iter(loader(data)))[0], data.images / 255)


def test_resizing_is_antialiased():
    """A chequerboard of single pixels is grey from afar; without antialiasing it is not."""
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 255).to(torch.uint8)
    data = tl.ImageTensors(board.expand(2, 3, 64, 64), torch.zeros(2), ["a", "b"])
    x, _ = next(iter(loader(data, size=21)))
    assert x.shape == (2, 3, 21, 21)
    assert (x[:, :, 1:-1, 1:-1] - 0.5).abs().max() < 0.1
    plain = F.interpolate(data.images.float() / 255, (21, 21), mode="bilinear")
    assert (plain - 0.5).abs().max() > 0.3  # the test can fail


def test_training_shuffles_everything_anew_in_each_pass():
    data = image_set(30)
    batches = loader(data, train=True, generator=seeded())
    passes = [torch.cat([x for x, _ in batches]) for _ in range(2)]
    ordered = (data.images / 255).flatten(1)
    for x in passes:
        matches = (torch.cdist(x.flatten(1), ordered, p=1) < 1e-4).nonzero()
        assert sorted(matches[:, 1].tolist()) == list(range(30))
        assert matches[:, 1].tolist() != list(range(30))
    assert not torch.equal(*passes)


def test_labels_stay_with_their_images_when_shuffled():
    data = image_set(50)
    data.images[:] = data.labels.to(torch.uint8)[:, None, None, None]
    for x, y in loader(data, 7, train=True):
        assert torch.equal((x[:, 0, 0, 0] * 255).round().long(), y)


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (33, 16, [16, 17]),  # not 16, 16, 1
        (34, 16, [16, 16, 2]),
        (32, 16, [16, 16]),
        (5, 2, [2, 3]),
        (1, 16, [1]),  # nothing to join
        (3, 1, [1, 1, 1]),  # asked for
    ],
)
def test_no_last_batch_of_one_in_training(n, batch_size, sizes):
    batches = loader(image_set(n), batch_size, train=True)
    assert [len(y) for _, y in batches] == sizes and len(batches) == len(sizes)


def test_evaluation_keeps_the_batch_of_one():
    assert [len(y) for _, y in loader(image_set(9))] == [4, 4, 1]


AUGMENTATIONS = {
    "affine": tl.random_affine(degrees=20, translate=0.1, scale=(0.7, 1.2), flip=False),
    "flip": tl.random_affine(),
    "crop": tl.random_resized_crop(),
    "colour": tl.color_jitter(0.3, 0.3, 0.3, 0.2),
    "all": [tl.random_affine(degrees=5), tl.random_resized_crop(flip=False), tl.color_jitter()],
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_sample_has_its_own_draw(name):
    """One picture 16 times over: torchvision's batch transforms would give 16 equal ones."""
    images = image_set(1, 16).images.expand(16, 3, 16, 16)
    data = tl.ImageTensors(images, torch.zeros(16), ["a"])
    x, _ = next(iter(loader(data, 16, augment=AUGMENTATIONS[name], generator=seeded())))
    different = len({tuple(sample.flatten().tolist()) for sample in x})
    assert different == 2 if name == "flip" else different >= 15
    assert 0 <= x.min() and x.max() <= 1 and x.shape == images.shape


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_same_seed_same_batch(name):
    def run(seed):
        batches = loader(
            image_set(12), train=True, augment=AUGMENTATIONS[name], generator=seeded(seed)
        )
        return torch.cat([x for x, _ in batches])

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_global_seed_is_enough():
    def run(seed):
        tl.seed_everything(seed)
        return torch.cat([x for x, _ in loader(image_set(12), train=True)])

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_evaluation_draws_nothing():
    state = torch.get_rng_state()
    list(loader(image_set(9)))
    assert torch.equal(torch.get_rng_state(), state)


def ramp(side: int = 32) -> torch.Tensor:
    """One image (1, 3, side, side): red rises to the right, green downwards, blue stays."""
    right = ((torch.arange(side) + 0.5) / side).expand(side, side)
    return torch.stack([right, right.T, torch.full_like(right, 0.5)])[None]


def fixed(**options):
    """`random_affine` without chance but for what is given."""
    return tl.random_affine(**{"flip": False} | options)


def test_nothing_asked_nothing_done():
    x = image_set(5, 9).images / 255
    for augment in (fixed(), tl.random_resized_crop((1, 1), (1, 1), flip=False)):
        torch.testing.assert_close(augment(x, seeded()), x, atol=1e-5, rtol=0)
    torch.testing.assert_close(tl.color_jitter(0, 0, 0)(x, seeded()), x, atol=1e-5, rtol=0)


def test_flips_mirror():
    x = image_set(64, 9).images / 255
    out = fixed(flip=1.0)(x, seeded())
    torch.testing.assert_close(out, x.flip(3), atol=1e-5, rtol=0)
    out = fixed(vertical_flip=1.0)(x, seeded())
    torch.testing.assert_close(out, x.flip(2), atol=1e-5, rtol=0)
    untouched = (fixed(flip=True)(x, seeded()) - x).abs().amax((1, 2, 3)) < 1e-5
    assert 16 < untouched.sum() < 48


def test_scale_magnifies_about_the_centre():
    x = ramp()
    out = fixed(scale=(2, 2))(x, seeded())
    red = out[0, 0, 16]
    assert math.isclose(red[31] - red[0], 0.5 * 31 / 32, abs_tol=1e-3)
    assert math.isclose(red.mean(), 0.5, abs_tol=1e-3)


def test_shift_stays_within_its_range_and_reflects():
    x = ramp().expand(200, -1, -1, -1)
    out = fixed(translate=0.25)(x, seeded())
    centre = out[:, :2, 15:17, 15:17].mean((2, 3)) - 0.5  # how far each sample has moved
    assert 0.2 < centre.abs().max() <= 0.2501
    assert abs(centre.mean()) < 0.04
    assert out.min() >= x.min() and out.max() <= x.max()  # no black border


@pytest.mark.parametrize("shape", [(32, 32), (24, 48)])
def test_a_turn_keeps_angles_and_lengths(shape):
    """The gradient of a ramp in pixels turns with the picture and keeps its length."""
    height, width = shape
    x = torch.arange(width, dtype=torch.float32).expand(50, 3, height, width) / width
    out = fixed(degrees=20)(x, seeded())
    middle = out[:, 0, height // 2 - 3 : height // 2 + 3, width // 2 - 3 : width // 2 + 3] * width
    across = (middle[:, :, 1:] - middle[:, :, :-1]).mean((1, 2))
    down = (middle[:, 1:] - middle[:, :-1]).mean((1, 2))
    torch.testing.assert_close(across.hypot(down), torch.ones(50), atol=1e-3, rtol=0)
    angle = torch.atan2(down, across) * 180 / math.pi
    assert 15 < angle.abs().max() <= 20.01 and abs(angle.mean()) < 5


def test_crops_lie_inside_and_have_the_asked_area_and_ratio():
    x = ramp(64).expand(300, -1, -1, -1)
    out = tl.random_resized_crop((0.3, 0.6), (0.5, 2), flip=False)(x, seeded())
    # The slope of a ramp tells how much of the picture each side now spans.
    width = (out[:, 0, 32, 40] - out[:, 0, 32, 24]) * 64 / 16
    height = (out[:, 1, 40, 32] - out[:, 1, 24, 32]) * 64 / 16
    area, ratio = width * height, width / height
    assert 0.29 < area.min() < 0.33 and 0.55 < area.max() < 0.61
    assert 0.5 <= ratio.min() + 0.01 < 0.6 and 1.7 < ratio.max() <= 2.01
    left, right = out[:, 0, 32, 0], out[:, 0, 32, -1]
    assert torch.allclose(right - left, width * 63 / 64, atol=0.01)  # nothing is reflected in


def test_brightness_contrast_and_saturation_mean_what_they_say():
    x = (image_set(200, 6).images / 255) * 0.4 + 0.3  # away from the borders: nothing is cut
    grey = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)

    factor = (tl.color_jitter(0.2, 0, 0)(x, seeded()) / x).flatten(1)
    assert factor.std(1).max() < 1e-4 and 0.8 <= factor.min() < 0.82 and 1.18 < factor.max() <= 1.2

    mean = grey.mean((2, 3), keepdim=True)
    factor = (tl.color_jitter(0, 0.2, 0)(x, seeded()) - mean).flatten(1).norm(dim=1)
    factor = factor / (x - mean).flatten(1).norm(dim=1)
    assert 0.8 <= factor.min() + 1e-4 < 0.82 and 1.18 < factor.max() <= 1.2001

    out = tl.color_jitter(0, 0, 1.0)(x, seeded())
    factor = (out - grey).flatten(1).norm(dim=1) / (x - grey).flatten(1).norm(dim=1)
    assert factor.min() < 0.03 and 1.9 < factor.max() <= 2.0001


def test_hue_turns_red_into_green():
    red = torch.tensor([0.6, 0.2, 0.2])[:, None, None].expand(400, 3, 2, 2)
    out = tl.color_jitter(0, 0, 0, hue=0.5)(red, seeded())[:, :, 0, 0]
    torch.testing.assert_close(out.sum(1), torch.ones(400))
    assert {0, 1, 2} == set(out.argmax(1).tolist())


def test_features_pass_through():
    data = tl.FeatureTensors(torch.randn(9, 5), torch.arange(9) % 2, ["a", "b"])
    x, y = (torch.cat(parts) for parts in zip(*loader(data), strict=True))
    assert torch.equal(x, data.features) and torch.equal(y, data.labels)
    shuffled = loader(data, train=True, generator=seeded())
    assert [len(y) for _, y in shuffled] == [4, 5]
    for x, y in shuffled:
        rows = (x[:, None] == data.features).all(2).nonzero()[:, 1]
        assert torch.equal(data.labels[rows], y)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_data_live_on_the_device_and_nothing_waits_for_it():
    data = image_set(40, 32)
    batches = tl.BatchLoader(
        data,
        16,
        train=True,
        augment=AUGMENTATIONS["all"],
        mean=MEAN,
        std=STD,
        size=24,
        device="cuda",
        generator=torch.Generator("cuda").manual_seed(0),
    )
    list(batches)
    torch.cuda.set_sync_debug_mode("error")  # any synchronisation in the loop raises
    try:
        shapes = [x.shape for x, _ in batches]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert shapes == [(16, 3, 24, 24), (16, 3, 24, 24), (8, 3, 24, 24)]
    on_cpu = next(iter(loader(data, 40, mean=MEAN, std=STD, size=24)))[0]
    on_gpu = next(iter(tl.BatchLoader(data, 40, mean=MEAN, std=STD, size=24, device="cuda")))[0]
    assert (on_gpu.cpu() - on_cpu).abs().max() < 0.02  # uint8 against float resizing
