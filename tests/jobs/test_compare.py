"""`compare`: finished runs on the same images, their differences, and what cannot be compared."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import matplotlib
import pytest
from PIL import Image
from scipy.stats import binomtest

import tlhelpers as tl
from tlhelpers.core.errors import InputError
from tlhelpers.figures import names as font_names
from tlhelpers.jobs import comparison_report as report
from tlhelpers.jobs.command_line import main

TWO = ["ants", "bees"]
N = 40


def write_run(out: Path, wrong=(), *, classes=TWO, images=range(N), seed=0, n_train=6, **more):
    """A folder as `finetune` leaves it, without the network: wrong on the images of these rows."""
    out.mkdir(parents=True)
    test = [f"{TWO[i % 2]}/{i}.jpg" for i in images]
    parts = {"train": [f"ants/t{i}.jpg" for i in range(n_train)], "val": ["bees/v.jpg"]}
    split = {**parts, "test": test}
    settings = {"backbone": "resnet18", "method": "probe", "seed": seed, "epochs": 4, "size": None}
    settings |= {"val_share": 0.15, "test_share": 0.15, **more}
    answers = ["image,class,predicted,probability"]
    for row, path in zip(images, test, strict=True):
        true = path.split("/")[0]
        other = "bees" if true == "ants" else "ants"
        answers.append(f"{path},{true},{other if row in wrong else true},0.9")
    correct = sum(row not in wrong for row in images)
    metrics = {"settings": settings, "classes": list(classes), "device": "cpu", "processes": 1}
    metrics["profile"] = "mini"
    metrics |= {"result": "linear probe", "history": []}
    metrics |= {"stages": {"linear probe": {"correct": correct, "n": len(test)}}}
    metrics |= {"seconds": {"decoding": 50.0, "features": 2.0, "linear probe": 1.0}}
    digests = {part: [f"{part}-{path}" for path in paths] for part, paths in split.items()}
    for name, content in (("split", split), ("digests", digests), ("metrics", metrics)):
        (out / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (out / "plan.json").write_text(json.dumps(settings), encoding="utf-8")
    (out / "predictions.csv").write_text("\n".join(answers) + "\n", encoding="utf-8")
    return out


@pytest.fixture
def three(tmp_path) -> list[Path]:
    """One all right, one wrong on ten images, one wrong on one other image."""
    return [
        write_run(tmp_path / name, wrong, backbone=backbone)
        for name, wrong, backbone in (
            ("good", [], "efficientnet_lite0"),
            ("poor", range(10), "resnet18"),
            ("fair", [39], "alexnet"),
        )
    ]


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


# ---- what it finds -------------------------------------------------------------------------------


def test_differences_are_those_of_scipy_and_of_holm_by_hand(three):
    found = tl.compare_runs(three)
    counts = {(d.a, d.b): (d.only_a, d.only_b) for d in found.differences}
    expected = {("good", "poor"): (10, 0), ("good", "fair"): (1, 0), ("poor", "fair"): (1, 10)}
    assert counts == expected
    p = {pair: binomtest(a, a + b).pvalue for pair, (a, b) in expected.items()}
    factors = {("good", "poor"): 3, ("good", "fair"): 1, ("poor", "fair"): 2}  # by rank of p
    for d in found.differences:
        pair = d.a, d.b
        assert d.p_value == pytest.approx(p[pair])
        assert d.adjusted == pytest.approx(min(1, factors[pair] * p[pair]))
        assert d.difference == tl.paired_interval(d.only_a, d.only_b, N)
    assert [d.real for d in found.differences] == [True, False, True]
    accuracies = [run.accuracy for run in found.runs]
    assert accuracies == [tl.wilson_interval(k, N) for k in (40, 30, 39)]
    assert [run.seconds for run in found.runs] == [3.0] * 3  # decoding is not training


def test_what_was_adjusted_away_is_not_called_better(tmp_path):
    """Six images, all one way: p = .031; among three comparisons it is .094."""
    runs = [write_run(tmp_path / n, w) for n, w in (("a", []), ("b", range(6)), ("c", range(5)))]
    alone, among = tl.compare_runs(runs[:2]), tl.compare_runs(runs)
    assert "a is better than b by 15.0 points" in str(alone)
    [first, *_] = report.sentences(among)
    assert "cannot be told apart: a is ahead by 15.0 points" in first
    assert "after adjusting for 3 comparisons" in first
    # 3 comparisons: 2 * (1/2)^7 = .0156 is the first below .05 / 3
    assert "With 40 images and 6 disagreements" in first and "17.5 points (7 images)" in first


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([], [], ["right on the same images", "0 disagreements", "15.0 points (6 images)"]),
        ([1], [2], ["they tie", "p = 1.000", "2 disagreements"]),
        (range(3), [], ["b is ahead by 7.5 points", "p = .250"]),
        (range(20), [], ["b is better than a by 50.0 points", "p < .001"]),
        ([], range(20), ["a is better than b by 50.0 points"]),
    ],
)
def test_sentences(tmp_path, first, second, words):
    found = tl.compare_runs([write_run(tmp_path / "a", first), write_run(tmp_path / "b", second)])
    [sentence] = report.sentences(found)
    assert all(word in sentence for word in words), sentence
    assert "adjust" not in str(found)


def test_many_pairs_that_may_be_chance_share_a_sentence(tmp_path):
    wrong = {"a": [], "b": [1], "c": [2, 3], "d": range(30)}
    found = tl.compare_runs([write_run(tmp_path / name, rows) for name, rows in wrong.items()])
    assert len(report.sentences(found)) == 6  # three of them differ
    found = tl.compare_runs([*(tmp_path / n for n in "abcd"), write_run(tmp_path / "e", [5])])
    *better, rest = report.sentences(found)
    assert len(better) == 4 and all(" is better than d by " in sentence for sentence in better)
    assert rest.startswith("6 of 10 pairs cannot be told apart") and "a and b; a and c" in rest
    assert "under about 22.5 points" in rest  # 2 * (1/2)^9 = .0039 is the first below .05 / 10
    [alone] = report.sentences(tl.compare_runs([tmp_path / name for name in "abce"]))
    assert alone.startswith("No pair of 6 can be told apart")


def test_too_few_images_for_any_difference(tmp_path):
    runs = [write_run(tmp_path / n, w, images=range(5)) for n, w in (("a", []), ("b", range(5)))]
    [sentence] = report.sentences(tl.compare_runs(runs))
    assert "a is ahead by 100.0 points" in sentence
    assert sentence.endswith("With 5 images none can be seen: 6 or more are needed.")


def test_what_is_called_better_has_an_interval_on_the_same_side(tmp_path):
    for number, wrong in enumerate((range(6), range(8), range(30))):
        runs = [write_run(tmp_path / f"{n}{number}", w) for n, w in (("a", wrong), ("b", []))]
        [d] = tl.compare_runs(runs).differences
        assert d.real and 0 < d.difference.low < d.difference.mean <= d.difference.high


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda p: write_run(p, seed=1, size=64), ["seed (0, 1)", "size (none, 64)"]),
        (lambda p: write_run(p, n_train=9), ["the images they were trained on (6 images, 9"]),
        (
            lambda p: edit(write_run(p) / "metrics.json", lambda m: m.update(device="cuda")),
            ["seconds are of different machines", "other cuda x 1"],
        ),
        (
            lambda p: edit(write_run(p) / "metrics.json", lambda m: m.update(profile="full")),
            ["differ in profile (mini, full)"],
        ),
        (lambda p: (write_run(p) / "digests.json").unlink(), ["Only the names"]),
        (lambda p: write_run(p), ["best of these 2 runs", "Each run is one training"]),
    ],
)
def test_notes_say_what_else_differs(tmp_path, prepare, words):
    first = write_run(tmp_path / "first")
    prepare(tmp_path / "other")
    said = " ".join(tl.compare_runs([first, tmp_path / "other"]).notes)
    assert all(word in said for word in words), said


def test_settings_of_training_the_network_do_not_count_for_a_probe(tmp_path):
    runs = [
        write_run(tmp_path / "probe", epochs=4),
        write_run(tmp_path / "short", method="full", epochs=2),
        write_run(tmp_path / "long", method="full", epochs=8),
    ]
    assert "runs differ in" not in " ".join(tl.compare_runs(runs[:2]).notes)
    assert "differ in epochs (-, 2, 8)." in " ".join(tl.compare_runs(runs).notes)


def test_a_resumed_run_counts_its_training_as_a_whole(tmp_path):
    def killed(metrics):
        metrics["seconds"]["training"] = 4.0
        metrics["history"] = [{"seconds": 60.0}, {"seconds": 100.0}]

    runs = [write_run(tmp_path / name) for name in "ab"]
    edit(runs[1] / "metrics.json", killed)
    assert [run.seconds for run in tl.compare_runs(runs).runs] == [3.0, 103.0]


def test_runs_of_one_name_are_called_by_their_paths(tmp_path):
    runs = [write_run(tmp_path / folder / "run") for folder in "ab"]
    assert [run.name for run in tl.compare_runs(runs).runs] == [run.as_posix() for run in runs]


# ---- what cannot be compared ---------------------------------------------------------------------


def run_holder(p: Path) -> Path:
    write_run(p / "in" / "run")
    return p / "in"


def changed(p: Path, file: str, change) -> Path:
    edit(write_run(p / "b") / file, change)
    return p / "b"


def without(p: Path, *files: str) -> Path:
    write_run(p / "b")
    for file in files:
        (p / "b" / file).unlink()
    return p / "b"


def with_text(p: Path, file: str, text: str) -> Path:
    (write_run(p / "b") / file).write_text(text, encoding="utf-8")
    return p / "b"


def same_link(p: Path) -> Path:
    (p / "link").symlink_to(p / "first")
    return p / "link"


# What is compared with a good run -> the words of the message: what is wrong, what to do.
FAULTS = {
    "one run only": (lambda p: None, ["two or more runs", "1 is given"]),
    "missing": (lambda p: p / "frist", ["no run", 'Did you mean "first"?', "Check the path"]),
    "missing, with its parent": (lambda p: p / "no" / "run", ["no run", "Check the path"]),
    "a file": (lambda p: with_text(p, "x", "") / "x", ["is a file", "Give the folder"]),
    "unfinished": (lambda p: without(p, "metrics.json"), ["unfinished", "once more"]),
    "no run": (lambda p: (p / "empty").mkdir() or p / "empty", ["no run of", "Give a folder"]),
    "a folder of runs": (run_holder, ["holds runs: run", "Name these"]),
    "twice": (lambda p: p / "first", ["the same run as", "another seed"]),
    "twice, as its model": (lambda p: p / "first" / "model.safetensors", ["the same run as"]),
    "twice, by a link": (same_link, ["the same run as"]),
    "cut metrics": (lambda p: with_text(p, "metrics.json", '{"a'), ["damaged", "--overwrite"]),
    "metrics of something else": (lambda p: with_text(p, "metrics.json", "{}"), ["damaged"]),
    "metrics that are a list": (lambda p: with_text(p, "metrics.json", "[]"), ["damaged"]),
    "no split": (lambda p: without(p, "split.json"), ["damaged", "split.json"]),
    "split too short": (
        lambda p: changed(p, "digests.json", lambda d: d["train"].pop()),
        ["damaged"],
    ),
    "predictions of another run": (
        lambda p: with_text(p, "predictions.csv", "image,class,predicted,probability\na,b,b,1\n"),
        ["does not belong", "Put the files of one run back"],
    ),
    "predictions without a column": (
        lambda p: with_text(p, "predictions.csv", "image,class\na,b\n"),
        ["predictions.csv cannot be read", "leave this run out"],
    ),
    "an old run": (lambda p: without(p, "predictions.csv"), ["stored its answers", "--test"]),
    "other images": (
        lambda p: write_run(p / "b", images=range(2, N), seed=3),
        ["not tested on the same images: of 40 and 38, 38", "only first has", "--seed 0, 3"],
    ),
    "some other images": (
        lambda p: write_run(p / "b", images=range(2, N + 2)),
        ["only b has ants/40.jpg, bees/41.jpg", "--test FOLDER", "same seed and shares"],
    ),
    "other files of the same names": (
        lambda p: changed(p, "digests.json", lambda d: d["test"].__setitem__(1, "new")),
        ["1 file of 40 have another content: bees/1.jpg", "--test FOLDER"],
    ),
    "other classes": (
        lambda p: write_run(p / "b", classes=["ants", "bees", "wasps"]),
        ["other classes: only b knows wasps", "trained on the same classes"],
    ),
    "classes of other names": (
        lambda p: write_run(p / "b", classes=["ants", "Bees"]),
        ["only first knows bees", "only b knows Bees"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_compared_is_named_with_the_remedy(tmp_path, capsys, fault):
    make, words = FAULTS[fault]
    first = write_run(tmp_path / "first")
    other = make(tmp_path)
    given = [str(path) for path in (first, other) if path]
    assert main(["compare", *given]) == 1
    said = capsys.readouterr().err
    assert said.startswith("tlhelpers compare: ") and "Traceback" not in said
    assert all(word in said for word in words), said
    with pytest.raises(InputError) as raised:
        tl.compare_runs(given)
    assert "--test" not in str(raised.value) and "--seed" not in str(raised.value)


def test_a_single_path_is_one_run(tmp_path):
    with pytest.raises(InputError, match="two or more"):
        tl.compare_runs(write_run(tmp_path / "a"))


# ---- the command ---------------------------------------------------------------------------------


def test_text_page_and_figure(three, tmp_path, capsys):
    out = tmp_path / "deep" / "compared"
    assert main(["compare", *map(str, three), "--out", str(out)]) == 0
    said = capsys.readouterr()
    for words in ("40 test images", "efficientnet_lite0", "adjusted p", "good is better than poor"):
        assert words in said.out, words
    assert "mind: Whoever takes the best of these 3 runs" in said.out
    assert said.err.split() == ["wrote", str(out / "compare.md"), "wrote", str(out / "compare.png")]
    assert {path.name for path in out.iterdir()} == {"compare.md", "compare.png"}
    page = (out / "compare.md").read_text(encoding="utf-8")
    assert page.startswith("# 3 runs compared\n") and "](compare.png)" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 3 + 2 + 3 and all(line.endswith(" |") for line in rows)
    with Image.open(out / "compare.png") as picture:
        assert picture.width > 800
    assert main(["compare", *map(str, three), "--out", str(out)]) == 0  # again, over the first


def test_json_and_csv_hold_the_same(three, capsys):
    given = [str(path) for path in three]
    assert main(["compare", *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["compare", *given, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [run["name"] for run in found["runs"]] == ["good", "poor", "fair"]
    assert len(found["notes"]) == 2 and len(rows) == len(found["differences"]) == 3
    accuracy = {run["name"]: run["accuracy"] for run in found["runs"]}
    for row, d in zip(rows, found["differences"], strict=True):
        assert (row["run_a"], row["run_b"]) == (d["a"], d["b"])
        assert float(row["accuracy_b"]) == accuracy[d["b"]]["mean"]
        assert float(row["low_a"]) == accuracy[d["a"]]["low"]
        assert float(row["difference"]) == d["difference"]["mean"]
        assert float(row["adjusted_p"]) == d["adjusted"]


def test_an_output_folder_that_cannot_be_made(three, tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["compare", *map(str, three), "--out", str(tmp_path / "file")]) == 1
    assert "cannot make the folder" in capsys.readouterr().err


def test_odd_names_are_text_in_page_and_figure(tmp_path, monkeypatch):
    runs = [write_run(tmp_path / name, [1]) for name in ("$x_1$ | *b*", "蟻" + "n" * 90)]
    found = tl.compare_runs(runs)
    page = report.as_markdown(found)
    assert r"\$x\_1\$ \| \*b\*" in page
    with matplotlib.rc_context():  # fonts are added where letters are lacking
        report.write(found, tmp_path / "out")
    monkeypatch.setattr(font_names, "use_fonts_with", lambda texts: set("蟻"))
    [label] = found.plot().get_yticklabels()
    assert label.get_text().startswith("class 1\n") and not label.get_parse_math()


def test_the_figure_tells_real_differences_by_marker_and_words(three):
    ax = tl.compare_runs(three).plot()
    markers = [line.get_marker() for line in ax.lines if line.get_linestyle() == "None"]
    assert markers == ["s", "o", "s"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "more than chance",
        "may be chance",
    ]
    assert "poor minus good -25.0 [-38.3, -9.3]" in ax.get_label()
    assert ax.texts[0].get_text() == "-25.0 [-38.3, -9.3]\nadjusted p = .006"


# ---- real runs -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def probe(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("probe") / "probe"
    settings = tl.Settings("resnet18", method="probe", size=32)
    tl.finetune(data, out, settings, device="cpu", log=lambda _: None)
    return out


def test_finetune_stores_its_answers(finished):
    metrics, split, digests = (
        json.loads((finished / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("metrics", "split", "digests")
    )
    with open(finished / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == split["test"]
    assert all(row["class"] == row["image"].split("/")[0] for row in rows)
    right = sum(row["class"] == row["predicted"] for row in rows)
    assert right == metrics["stages"]["fine-tuned"]["correct"]
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows)
    assert {part: len(d) for part, d in digests.items()} == {p: len(s) for p, s in split.items()}
    every = sum(digests.values(), [])
    assert len(set(every)) == 40 and {len(digest) for digest in every} == {16}


def test_runs_of_one_split_are_compared_as_they_are(finished, probe):
    found = tl.compare_runs([finished, probe / "model.safetensors"])
    assert found.images == "6 test images, the same for all runs"
    assert [run.method for run in found.runs] == ["lp-ft", "probe"]
    assert [run.trained_on for run in found.runs] == [28, 28] and found.runs[0].seconds > 0
    assert not any("trained on" in note for note in found.notes)


def test_what_a_run_was_trained_on_is_left_out(finished, probe, data, tmp_path, capsys):
    """Of the folder that was split at random the test images are left: the same answers again."""
    shutil.copytree(data, tmp_path / "renamed" / "data")
    folder = tmp_path / "renamed" / "data"
    for path in sorted((folder / "ants").iterdir()):
        path.rename(path.with_name(f"new-{path.name}"))  # known by content
    job = ["compare", str(finished), str(probe), "--test", str(folder), "--device", "cpu"]
    assert main([*job, "--json"]) == 0
    again, stored = json.loads(capsys.readouterr().out), tl.compare_runs([finished, probe])
    assert again["images"] == f"6 images of {folder}, predicted now by all runs"
    assert "34 images of the folder do not count" in again["notes"][0]
    assert [run["correct"] for run in again["runs"]] == [run.correct for run in stored.runs]


def test_old_runs_are_known_by_the_names_of_their_folder(finished, probe, data, tmp_path):
    old = [Path(shutil.copytree(run, tmp_path / run.name)) for run in (finished, probe)]
    for run in old:
        (run / "digests.json").unlink()
        (run / "predictions.csv").unlink()
    found = tl.compare_runs(old, test=data, device="cpu")
    assert [run.n for run in found.runs] == [6, 6]
    assert [run.correct for run in found.runs] == [
        run.correct for run in tl.compare_runs([finished, probe]).runs
    ]
    for name in TWO:  # another folder: nobody knows
        (tmp_path / "new" / name).mkdir(parents=True)
        shutil.copy(data / name / "001.jpg", tmp_path / "new" / name)
    found = tl.compare_runs(old, test=tmp_path / "new", device="cpu")
    assert "not known" in found.notes[0] and [run.n for run in found.runs] == [2, 2]


def test_an_unreadable_image_counts_for_no_run(finished, probe, tmp_path):
    source = tl.data_dir() / "ants_bees" / "val"
    for name in TWO:
        (tmp_path / "new" / name).mkdir(parents=True)
        for path in sorted((source / name).iterdir())[:3]:
            shutil.copy(path, tmp_path / "new" / name)
    broken = tmp_path / "new" / "bees" / "000.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    found = tl.compare_runs([finished, probe], test=tmp_path / "new", device="cpu")
    assert [run.n for run in found.runs] == [5, 5]
    assert found.notes[0].startswith("1 image cannot be read and do") and "000.jpg" in str(found)


TEST_FOLDERS = {
    "splits": (lambda p, data: tl.data_dir() / "ants_bees", ["holds train, val", "ants_bees/val"]),
    "missing": (lambda p, data: p / "none", ["There is no folder"]),
    "other classes": (
        lambda p, data: shutil.copytree(data / "ants", p / "new" / "wasps").parent,
        ["wasps"],
    ),
    "all seen": (lambda p, data: seen(p, data), ["All 2 images", "Give a folder of other images"]),
}


def seen(p: Path, data: Path) -> Path:
    split = json.loads((p / "split.json").read_text(encoding="utf-8"))
    for name in TWO:
        (p / "new" / name).mkdir(parents=True)
        path = next(path for path in split["train"] if path.startswith(name))
        shutil.copy(data / path, p / "new" / name)
    return p / "new"


@pytest.mark.parametrize("fault", TEST_FOLDERS)
def test_folders_that_cannot_be_predicted(finished, probe, data, tmp_path, capsys, fault):
    shutil.copy(finished / "split.json", tmp_path)
    make, words = TEST_FOLDERS[fault]
    job = ["compare", str(finished), str(probe), "--test", str(make(tmp_path, data))]
    assert main([*job, "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_a_run_without_its_network_predicts_nothing(three, tmp_path, data):
    with pytest.raises(InputError, match="no model .*good"):
        tl.compare_runs(three, test=data)
