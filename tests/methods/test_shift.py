"""What is seen of a shift: closed forms, the authors' search for the threshold, real networks."""

from __future__ import annotations

import json
import math
from statistics import fmean

import numpy as np
import pytest
import torch

from data.recipes import shift_warnings_table as recipe
from tlhelpers.core.errors import InputError
from tlhelpers.data.domains import Glyphs
from tlhelpers.methods.shift import (
    SCORES,
    ShiftMonitor,
    atc_threshold,
    average_thresholded_confidence,
    certainty,
)


def logits_of(confidences: list[float], classes: int = 4, predicted: int = 0) -> torch.Tensor:
    """Predictions of class `predicted` with these probabilities, the rest shared out equally."""
    p = torch.tensor(confidences, dtype=torch.float64)[:, None].repeat(1, classes)
    rest = (1 - p[:, 0]) / (classes - 1)
    p = rest[:, None].repeat(1, classes)
    p[:, predicted] = torch.tensor(confidences, dtype=torch.float64)
    return p.log()


@pytest.fixture
def random_source():
    """1000 logits and labels of which about 7 in 10 are the largest logit."""
    chance = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(1000, 5, generator=chance)
    right = torch.rand(1000, generator=chance) < 0.7
    other = (logits.argmax(1) + 1) % 5
    return logits, torch.where(right, logits.argmax(1), other)


# --- certainty ----------------------------------------------------------------------------------


def test_certainty_of_a_known_prediction():
    logits = logits_of([0.7], classes=4)
    entropy = 0.7 * math.log(0.7) + 0.3 * math.log(0.1)
    assert certainty(logits, "confidence").item() == pytest.approx(0.7)
    assert certainty(logits).item() == pytest.approx(entropy)


def test_certainty_is_highest_for_a_sure_prediction_and_lowest_for_no_idea():
    sure, none = torch.tensor([[0.0, -1e9, -1e9]]), torch.zeros(1, 3)
    assert certainty(sure).item() == 0  # and not NaN: 0 log 0 counts 0
    assert certainty(none).item() == pytest.approx(-math.log(3))
    assert certainty(none, "confidence").item() == pytest.approx(1 / 3)


@pytest.mark.parametrize("logits", [torch.zeros(4), torch.zeros(0, 3), torch.zeros(4, 1)])
def test_certainty_refuses_what_are_no_logits(logits):
    with pytest.raises(InputError, match="N, K"):
        certainty(logits)


def test_an_unknown_score_is_named():
    with pytest.raises(InputError, match="entropie"):
        certainty(torch.zeros(2, 2), "entropie")


# --- average thresholded confidence ------------------------------------------------------------


def test_by_hand_on_five_predictions():
    source = logits_of([0.95, 0.9, 0.8, 0.6, 0.5])
    labels = torch.tensor([0, 0, 1, 0, 1])  # .8 and .5 are wrong: accuracy 3/5
    assert atc_threshold(source, labels, "confidence") == pytest.approx(0.8)
    target = logits_of([0.99, 0.85, 0.75, 0.7])
    found = average_thresholded_confidence(source, labels, target, score="confidence")
    assert found == pytest.approx(0.5)


@pytest.mark.parametrize("score", SCORES)
def test_at_home_the_predicted_accuracy_is_the_accuracy(random_source, score):
    logits, labels = random_source
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    found = average_thresholded_confidence(logits, labels, logits, score=score)
    assert found == pytest.approx(accuracy)


@pytest.mark.parametrize("score", SCORES)
def test_the_authors_search_finds_the_same_threshold_to_within_one_image(random_source, score):
    """Garg et al. walk up the sorted scores until false positives equal false negatives."""
    logits, labels = random_source
    scores = certainty(logits, score).numpy()
    right = (logits.argmax(1) == labels).numpy()[np.argsort(scores)]
    gaps = np.abs((~right).sum() - np.arange(1, len(scores) + 1))
    theirs = np.sort(scores)[gaps.argmin()]
    ours = atc_threshold(logits, labels, score)
    places = np.searchsorted(np.sort(scores), [theirs, ours])
    assert abs(places[0] - places[1]) <= 1


def test_where_errors_are_the_least_sure_the_prediction_is_exact_after_a_shift_of_shares():
    """Calibrated order: wrong exactly below .6. More unsure pictures: the accuracy is foretold."""
    source = logits_of([0.5] * 10 + [0.9] * 90)
    labels = torch.tensor([1] * 10 + [0] * 90)
    target = logits_of([0.5] * 60 + [0.9] * 40)  # 60 of 100 will be wrong
    assert average_thresholded_confidence(source, labels, target) == pytest.approx(0.4)


def test_none_wrong_and_all_wrong():
    source = logits_of([0.9, 0.8])
    assert atc_threshold(source, torch.tensor([0, 0]), "confidence") == pytest.approx(0.8)
    wrong = torch.tensor([1, 1])
    assert average_thresholded_confidence(source, wrong, source) == 0


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="same classes"):
        average_thresholded_confidence(torch.zeros(3, 2), torch.zeros(3), torch.zeros(3, 4))
    with pytest.raises(InputError, match="as many labels"):
        atc_threshold(torch.zeros(3, 2), torch.zeros(2))


# --- the monitor --------------------------------------------------------------------------------


@pytest.fixture
def monitored():
    """Two clouds of features, 20 apart, each a class; the model reads the first coordinate."""
    chance = torch.Generator().manual_seed(1)
    labels = torch.arange(400) % 2
    features = torch.randn(400, 3, generator=chance)
    features[:, 0] += 2 * (2 * labels - 1)
    return features, torch.stack([-features[:, 0], features[:, 0]], 1), labels


def test_what_renames_the_classes_changes_no_signal(monitored):
    features, logits, labels = monitored
    monitor = ShiftMonitor(features[:200], logits[:200], labels[:200])
    before = monitor.signals(features[200:], logits[200:])
    after = monitor.signals(features[200:], logits[200:])  # labels are no argument of it
    assert before == after
    accuracy = (logits[200:].argmax(1) == 1 - labels[200:]).double().mean().item()
    assert accuracy < 0.1 and abs(before["ATC drop"]) < 0.1


def test_a_feature_that_nothing_reads_rings_the_distances_only(monitored):
    features, logits, labels = monitored
    monitor = ShiftMonitor(features[:200], logits[:200], labels[:200])
    levels = monitor.alarm_levels(features[200:], logits[200:], 100)
    moved = features[200:300].clone()
    moved[:, 2] += 5
    found = monitor.signals(moved, logits[200:300])
    assert found["A-distance"] > 1.9 and found["MMD"] > levels["MMD"]
    assert found["ATC drop"] <= levels["ATC drop"] + 0.05


def test_drops_are_differences_from_home(monitored):
    features, logits, labels = monitored
    monitor = ShiftMonitor(features, logits, labels)
    found = monitor.signals(features, logits)
    assert found["confidence drop"] == 0
    assert found["ATC drop"] == pytest.approx(0)
    assert found["MMD"] == pytest.approx(0, abs=1e-5)


def test_alarm_levels_are_the_largest_of_the_draws(monitored):
    features, logits, labels = monitored
    monitor = ShiftMonitor(features[:200], logits[:200], labels[:200])
    few, many = (monitor.alarm_levels(features[200:], logits[200:], 50, draws=d) for d in (3, 12))
    assert all(many[name] >= few[name] for name in ShiftMonitor.SIGNALS)
    with pytest.raises(InputError, match="asked for 19 of 300"):
        monitor.alarm_levels(features[200:], logits[200:], 300)


# --- the stored table ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    path = recipe.RESULTS / "shift_warnings.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_stored_table_is_whole(table):
    for task, shifts in (("digits", recipe.DIGIT_SHIFTS), ("insects", recipe.INSECT_SHIFTS)):
        expected = {(name, s) for name, strengths in shifts.items() for s in strengths}
        for seed in {row["seed"] for row in table["rows"] if row["task"] == task}:
            found = recipe.shifted(table["rows"], task, seed)
            assert {(row["family"], row["strength"]) for row in found} == expected
        assert len({row["seed"] for row in table["rows"] if row["task"] == task}) >= 5


def test_the_stored_markdown_comes_from_the_stored_rows(table):
    made = recipe.summarise(table["rows"], table)
    stored = (recipe.RESULTS / "shift_warnings.md").read_text(encoding="utf-8")
    assert made == stored


def test_an_error_of_predicted_accuracy_by_hand():
    found = [{"drop": 0.3, "ATC drop": 0.1}, {"drop": 0.0, "ATC drop": 0.1}]
    assert recipe.error("ATC drop", found, {}) == pytest.approx(0.15)
    assert recipe.error(None, found, {}) == pytest.approx(0.15)


def test_renaming_swaps_pairs_and_is_its_own_inverse():
    labels = torch.arange(10)
    assert recipe.rename(labels, 1).tolist() == [0, 7, 2, 3, 4, 5, 6, 1, 8, 9]
    assert (recipe.rename(labels, 5) == labels).sum() == 0
    assert (recipe.rename(recipe.rename(labels, 3), 3) == labels).all()


def test_shifted_digits_keep_pictures_and_labels_together():
    glyphs = Glyphs(torch.rand(400, 1, 16, 16), torch.arange(400) % 10)
    for family, strengths in recipe.DIGIT_SHIFTS.items():
        moved = recipe.digit_shift(glyphs, family, strengths[-1], seed=0, size=80)
        assert len(moved.images) == len(moved.labels) == 80
        assert 0 <= moved.images.min() and moved.images.max() <= 1


@pytest.mark.trained
def test_atc_is_fooled_by_sixes_upside_down_and_right_about_noise(seed, holds):
    """The lesson's two ends: all wrong and nothing seen; a loss foretold to a few points."""
    outputs, parts = recipe.train_digits(seed)
    z, logits = outputs(parts["source"].images)
    monitor = ShiftMonitor(z, logits, parts["source"].labels)

    def look(family, strength):
        moved = recipe.digit_shift(parts["stock"], family, strength, seed)
        z, logits = outputs(moved.images)
        right = (logits.argmax(1) == moved.labels).double().mean().item()
        return monitor.accuracy - right, monitor.signals(z, logits)

    holds("accuracy at home", monitor.accuracy, above=0.9, below=0.995)
    drop, found = look("only 6 and 9", 180)
    holds("lost upside down", drop, above=0.85)
    holds("ATC upside down", found["ATC drop"], below=0.2)
    drops, errors = [], []
    for strength in recipe.DIGIT_SHIFTS["noisier scans"][:2]:
        drop, found = look("noisier scans", strength)
        drops.append(drop)
        errors.append(abs(drop - found["ATC drop"]))
    holds("ATC's error under noise", fmean(errors), below=0.12)
    drop, found = look("cleaner scans", 0.0)
    holds("lost in cleaner scans", drop, below=0.0)
    holds("A-distance in cleaner scans", found["A-distance"], above=0.8)
