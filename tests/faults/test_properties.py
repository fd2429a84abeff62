"""What must hold for every input, tried on inputs that nobody would think of.

hypothesis invents them, the same ones in every run, and shrinks one that fails.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import tlhelpers as tl
from tlhelpers.core.archives import extract_zip
from tlhelpers.core.assets import parse_registry
from tlhelpers.core.errors import AssetError, InputError, printable
from tlhelpers.data.class_files import ClassFiles
from tlhelpers.data.random_split import stratified_split
from tlhelpers.evaluation.paired import paired_interval
from tlhelpers.models.mini import MINI


def few(count: int):
    """So many examples, the same in every run, however slow the machine."""
    quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=quiet
    )


# ---- images -------------------------------------------------------------------------------------

MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr"]
KINDS = {"PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], "TIFF": MODES}
KINDS |= {"JPEG": ["L", "RGB", "CMYK"], "BMP": ["1", "L", "P", "RGB"], "WEBP": ["RGB", "RGBA"]}


@few(120)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    mode=st.sampled_from(MODES),
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    size=st.integers(1, 48),
    resize=st.sampled_from(["crop", "squash"]),
    turn=st.integers(0, 9),
    seed=st.integers(0, 99),
)
def test_any_picture_becomes_a_tensor_of_the_wanted_size(
    kind, mode, width, height, size, resize, turn, seed
):
    assume(mode in KINDS[kind])
    rng = np.random.default_rng(seed)
    deep = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    if mode in deep:
        image = Image.fromarray((rng.random((height, width)) * 60_000).astype(deep[mode]))
    else:
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        image = image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = turn  # 0 and 9 are no rotation that there is
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = tl.load_image(io.BytesIO(file.getvalue()), size, resize)
    assert out.shape == (3, size, size) and out.dtype == torch.uint8
    assert all("more than 8 bits" in str(warning.message) for warning in caught)
    if mode in ("1", "L", "LA", "I;16", "I", "F"):
        assert torch.equal(out[0], out[1]) and torch.equal(out[1], out[2]), "grey stays grey"
    assert torch.equal(out, tl.load_image(io.BytesIO(file.getvalue()), size, resize))


@few(60)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0"])
)
def test_any_bytes_are_a_picture_or_our_error(content, start):
    try:
        assert tl.load_image(io.BytesIO(start + content), 8).shape == (3, 8, 8)
    except InputError as error:
        assert "cannot be read" in str(error)


@few(100)
@given(st.text())
def test_a_shown_name_is_one_line(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(letter) < 32 for letter in shown) and printable(shown) == shown


# ---- registry -----------------------------------------------------------------------------------

FIELDS = ["path", "sha256", "command", "licence", "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=9,
)
PATHS = st.lists(st.sampled_from(["..", ".", "a", "b c", "ä", "", "C:", "\\", "\0"]), max_size=4)
ITEMS = st.fixed_dictionaries(
    {"sha256": st.text(max_size=3), "command": st.just("x"), "path": PATHS.map("/".join) | JSON}
)


@few(200)
@given(st.dictionaries(st.text(max_size=5), ITEMS | JSON, max_size=3) | JSON)
@example({"x": {"path": "a/../../x", "sha256": "", "command": ""}})
def test_any_json_is_a_registry_or_refused(content):
    try:
        items = parse_registry(json.dumps(content))
    except ValueError:
        return
    root = Path("/somewhere/data")
    for item in items.values():
        place = Path(os.path.normpath(root / item["path"]))
        assert place == root or root in place.parents, "no item lies outside"
        assert isinstance(item["sha256"], str)


@few(60)
@given(st.text(max_size=40))
def test_any_text_is_a_registry_or_refused(text):
    try:
        assert isinstance(parse_registry(text), dict)
    except ValueError:
        pass


# ---- archives -----------------------------------------------------------------------------------

PARTS = st.sampled_from(["..", ".", "a", "A", "b", "é", "e\u0301", "CON", "c.", " ", "", "C:", "~"])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join) | st.text(min_size=1, max_size=12)
ENTRY = st.tuples(NAMES, st.binary(max_size=20), st.sampled_from([0, 0o100644, 0o120777, 0o040755]))


@few(150)
@given(st.lists(ENTRY, max_size=5), st.integers(0, 60))
@example([("../x", b"", 0)], 60)
@example([("a", b"", 0), ("a/../../x", b"", 0)], 60)
def test_no_archive_writes_outside_its_folder(entries, max_bytes):
    """Whatever its members are called: every file below the folder, whole; or nothing at all."""
    base = Path(tempfile.mkdtemp())
    try:
        top = base / "one" / "two"
        top.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(top / "x.zip", "w") as file:
                for name, content, mode in entries:
                    info = zipfile.ZipInfo("x")
                    info.filename = name.encode("utf-8", "replace").decode()
                    info.create_system, info.external_attr = 3, mode << 16
                    file.writestr(info, content)
        before = sorted(base.rglob("*"))
        try:
            paths = extract_zip(top / "x.zip", top / "out", max_bytes=max_bytes)
        except InputError as error:
            assert isinstance(error, AssetError) and sorted(base.rglob("*")) == before
            return
        inside = sorted(path for path in (top / "out").rglob("*"))
        assert sorted(path for path in inside if path.is_file()) == sorted(paths)
        assert set(base.rglob("*")) == {*before, top / "out", *inside}
        assert not any(path.is_symlink() for path in inside)
        assert sum(path.stat().st_size for path in paths) <= max_bytes
        written = {name.rstrip("/"): content for name, content, _ in entries}
        assert all(p.read_bytes() == written[p.relative_to(top / "out").as_posix()] for p in paths)
    finally:
        shutil.rmtree(base)


@few(150)
@given(st.integers(0, 2**31), st.binary(min_size=1, max_size=4), st.floats(0, 1))
def test_a_damaged_archive_is_unpacked_or_refused(place, noise, keep):
    """Bytes overwritten and the end cut off; what comes out has the right content all the same."""
    content = {"a/1.txt": b"one" * 40, "a/2.txt": b"two" * 40, "b.txt": b""}
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "x.zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in content.items():
                file.writestr(name, data)
        data = bytearray(archive.read_bytes())
        place %= len(data)
        data[place : place + len(noise)] = noise
        archive.write_bytes(data[: len(data) - int(keep**8 * len(data))])
        try:
            paths = extract_zip(archive, Path(folder, "out"), max_bytes=1000)
        except AssetError:
            assert os.listdir(folder) == ["x.zip"]
        else:
            assert sorted(os.listdir(folder)) == ["out", "x.zip"]
            assert {path.read_bytes() for path in paths} <= set(content.values())


# ---- splits -------------------------------------------------------------------------------------

SHARES = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(
    lambda parts: [part / sum(parts) for part in parts]
)


@few(150)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=120), SHARES, st.integers(0, 9))
def test_a_split_has_each_row_once_and_each_class_in_its_share(labels, shares, seed):
    names = ["a", "b", "c", "d"]
    try:
        parts = stratified_split(labels, names, shares, seed)
    except InputError as error:
        counts = [labels.count(label) for label in range(4)]
        assert any(0 < count < len(shares) for count in counts) and "too few" in str(error)
        return
    rows = torch.cat(parts)
    assert sorted(rows.tolist()) == list(range(len(labels))), "each row in exactly one part"
    assert all(part.tolist() == sorted(part.tolist()) for part in parts)
    for label in set(labels):
        count = labels.count(label)
        for part, share in zip(parts, shares, strict=True):
            held = sum(labels[row] == label for row in part.tolist())
            assert held >= 1 and abs(held - share * count) <= max(1, len(shares) - 1)
    again = stratified_split(labels, names, shares, seed)
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))


@few(100)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 25)), min_size=1, max_size=90),
    SHARES,
    st.integers(0, 9),
)
def test_a_split_tears_no_group(rows, shares, seed):
    labels, groups = zip(*rows, strict=True)
    try:
        parts = stratified_split(labels, ["a", "b", "c"], shares, seed, groups)
    except InputError:
        return
    assert sorted(torch.cat(parts).tolist()) == list(range(len(labels)))
    held = [{groups[row] for row in part.tolist()} for part in parts]
    assert sum(map(len, held)) == len(set(groups)), "a group lies in one part"


# ---- statistics ---------------------------------------------------------------------------------

OF = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCE = st.floats(0.5, 0.999)
SLACK = 1e-9


@few(200)
@given(OF, CONFIDENCE)
def test_wilsons_interval_holds_the_share_and_stays_in_bounds(of, confidence):
    correct, n = of
    found = tl.wilson_interval(correct, n, confidence)
    assert 0 <= found.low <= found.mean + SLACK and found.mean - SLACK <= found.high <= 1
    assert found.mean == correct / n and found.high > found.low
    wider = tl.wilson_interval(correct, n, (1 + confidence) / 2)
    assert wider.low <= found.low + SLACK and wider.high >= found.high - SLACK
    more = tl.wilson_interval(4 * correct, 4 * n, confidence)
    assert more.high - more.low < found.high - found.low
    mirrored = tl.wilson_interval(n - correct, n, confidence)
    assert math.isclose(mirrored.low, 1 - found.high, abs_tol=1e-7)
    if correct < n:
        next_ = tl.wilson_interval(correct + 1, n, confidence)
        assert next_.low > found.low - SLACK and next_.high > found.high - SLACK


@few(100)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_does_not_care_which_model_is_first(answers):
    a, b = zip(*answers, strict=True)
    one, other = tl.mcnemar(a, b), tl.mcnemar(b, a)
    assert (one.only_a, one.only_b) == (other.only_b, other.only_a)
    assert math.isclose(one.p_value, other.p_value) and 0 < one.p_value <= 1
    assert tl.mcnemar(a, a).p_value == 1
    turned = tl.mcnemar([not x for x in a], [not x for x in b])
    assert math.isclose(turned.p_value, one.p_value), "wrong for right changes nothing"


@few(200)
@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), CONFIDENCE)
def test_a_paired_interval_turns_its_sign_with_the_models(only_a, only_b, both, confidence):
    n = max(1, only_a + only_b + both)
    one = paired_interval(only_a, only_b, n, confidence)
    other = paired_interval(only_b, only_a, n, confidence)
    for x, y in ((one.mean, -other.mean), (one.low, -other.high), (one.high, -other.low)):
        assert math.isclose(x, y, abs_tol=1e-12)
    assert -1 <= one.low <= one.high <= 1


@few(100)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12), st.floats(-50, 50), st.randoms())
def test_a_mean_interval_moves_with_its_values(values, shift, random):
    found = tl.mean_interval(values)
    moved = tl.mean_interval([value + shift for value in values])
    assert found.low <= found.mean <= found.high
    assert math.isclose(moved.mean, found.mean + shift, abs_tol=1e-6)
    assert math.isclose(moved.high - moved.low, found.high - found.low, abs_tol=1e-6)
    random.shuffle(values)
    assert tl.mean_interval(values) == pytest.approx(found, abs=1e-9) or math.isclose(
        tl.mean_interval(values).low, found.low, abs_tol=1e-6
    )


# ---- class files --------------------------------------------------------------------------------

LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
NAME = st.text(LETTERS, min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 100
)


@pytest.mark.skipif(os.name == "nt", reason="Windows takes fewer names")
@few(80)
@given(st.lists(st.tuples(NAME, NAME, st.sampled_from([".jpg", ".PNG", ".txt", ""])), max_size=8))
def test_each_file_is_an_image_or_left_out_by_name(entries):
    """Whatever classes and files are called: nothing is lost, nothing twice, nothing is changed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for where, name, suffix in entries:
            (root / where).mkdir(exist_ok=True)
            (root / where / f"{name}{suffix}").touch()
        before = sorted(map(str, root.rglob("*")))
        found = ClassFiles(root)
        images = [path for paths in found.images.values() for path in paths]
        assert len(images) == len(set(images))
        assert all((root / path).is_file() and not path.startswith("/") for path in images)
        others = [name for names in found.others.values() for name in names]
        assert all(Path(path).suffix.lower() in (".jpg", ".png") for path in images)
        assert not {Path(path).name for path in images} & {n for n in others if n.endswith(".txt")}
        files = [path for path in root.rglob("*") if path.is_file()]
        visible = [p for p in files if not any(part.startswith(".") for part in p.parts[-2:])]
        known = {Path(path).name for path in images} | set(others)
        system = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
        skipped = ("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found")
        for path in visible:
            if path.name.lower() in system or path.parent.name.lower() in skipped:
                continue
            assert path.name in known, path
        assert sorted(map(str, root.rglob("*"))) == before


# ---- networks -----------------------------------------------------------------------------------

NETWORKS = {name: build(3) for name, build in MINI.items()}


@few(40)
@given(st.sampled_from(sorted(MINI)), st.data())
def test_freezing_and_thawing_is_a_round_trip(name, data):
    model = NETWORKS[name]
    tl.unfreeze(model)
    before = tl.fingerprint(model)
    layers = [
        child for child, module in model.named_children() if any(True for _ in module.parameters())
    ]
    layer = data.draw(st.sampled_from(layers))
    tl.freeze_to(model, layer)
    trained = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert trained == set(layers[layers.index(layer) :])
    counts = tl.count_parameters(model)
    tl.freeze_to(model, layer)
    assert tl.count_parameters(model) == counts, "twice is once"
    tl.freeze(model)
    assert not any(p.requires_grad for p in model.parameters())
    tl.unfreeze(model)
    assert all(p.requires_grad for p in model.parameters())
    assert tl.changed(before, tl.fingerprint(model)) == [], "no weight has moved"


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def close(a: nn.Module, b: nn.Module) -> bool:
    first, other = a.state_dict(), b.state_dict()
    return all(torch.allclose(first[k], other[k], atol=1e-6) for k in first)


@few(40)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=5), st.randoms(), st.floats(-2, 2))
def test_arithmetic_on_weights(seeds, random, scale):
    networks = [network(seed) for seed in seeds]
    kept = [tl.fingerprint(one) for one in networks]
    mean = tl.average_weights(networks)
    assert close(tl.average_weights([networks[0]] * len(seeds)), networks[0])
    shuffled = list(networks)
    random.shuffle(shuffled)
    assert close(tl.average_weights(shuffled), mean), "the order does not count"
    start = networks[0]
    vectors = [tl.task_vector(start, one) for one in networks]
    assert close(tl.average_weights([tl.add_task_vectors(start, vectors, 1 / len(seeds))]), mean)
    assert close(tl.add_task_vectors(start, [tl.task_vector(start, networks[-1])]), networks[-1])
    there = tl.add_task_vectors(start, vectors, scale)
    assert close(tl.add_task_vectors(there, vectors, -scale), start), "added and taken off again"
    assert close(tl.add_task_vectors(start, []), start) and close(
        tl.add_task_vectors(start, vectors, 0.0), start
    )
    assert [tl.fingerprint(one) for one in networks] == kept, "what is given is not changed"
