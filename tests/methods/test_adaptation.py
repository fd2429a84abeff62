"""Alignment against closed forms: what each loss must be where the answer is known by hand."""

from __future__ import annotations

import json
import math
from statistics import fmean

import pytest
import torch
from torch import nn

from data.recipes import domain_confusion_table as recipe
from tlhelpers.core.errors import InputError
from tlhelpers.data.digits import digit_domains, font_glyphs, handwriting
from tlhelpers.data.domains import Domains
from tlhelpers.methods.adaptation.batchnorm import adapt_batchnorm
from tlhelpers.methods.adaptation.domain_gap import domain_probe, measure_domains, proxy_a_distance
from tlhelpers.methods.adaptation.losses import (
    confusion_loss,
    coral,
    gradient_penalty,
    linear_mmd,
    mmd,
    mutual_information,
    reversal_schedule,
    reverse_gradient,
)
from tlhelpers.methods.adaptation.networks import digit_network, jitter
from tlhelpers.methods.adaptation.trainer import METHODS, adapt


@pytest.fixture
def cloud():
    return torch.randn(40, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def domains():
    return digit_domains(0, n_source=400)


# --- losses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [linear_mmd, mmd, coral])
def test_a_sample_is_at_no_distance_from_itself(loss, cloud):
    assert loss(cloud, cloud).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", [linear_mmd, mmd, coral])
def test_distances_are_symmetric_and_take_unequal_sizes(loss, cloud):
    other = 2 * cloud[:25] + 1
    assert loss(cloud, other).item() == pytest.approx(loss(other, cloud).item(), rel=1e-5)
    assert loss(cloud, other) > 0


def test_linear_mmd_is_the_squared_shift(cloud):
    shift = torch.tensor([3.0, 0, 0, 4.0, 0, 0])
    assert linear_mmd(cloud, cloud + shift).item() == pytest.approx(25, rel=1e-5)


def test_mmd_of_two_points_by_hand():
    """At distance 1 the four mutual squared distances 0, 1, 1, 0 have the mean 1/2."""
    a, b = torch.tensor([[0.0]]), torch.tensor([[1.0]])
    kernel = sum(math.exp(-1 / (0.5 * factor)) for factor in (0.25, 0.5, 1, 2, 4))
    assert mmd(a, b).item() == pytest.approx(5 + 5 - 2 * kernel, rel=1e-5)


def test_mmd_does_not_depend_on_the_unit_of_the_features(cloud):
    other = cloud.flip(0) * 3 + 1
    assert mmd(1000 * cloud, 1000 * other).item() == pytest.approx(
        mmd(cloud, other).item(), rel=1e-3
    )


def test_mmd_sees_a_spread_that_the_means_do_not_show(cloud):
    centred = cloud - cloud.mean(0)
    assert linear_mmd(centred, 3 * centred).item() == pytest.approx(0, abs=1e-10)
    assert mmd(centred, 3 * centred) > 0.1


def test_mmd_descends_to_the_target(cloud):
    source = (cloud + 4).requires_grad_()
    before = mmd(source, cloud)
    optimizer = torch.optim.SGD([source], lr=20)
    for _ in range(100):
        optimizer.zero_grad()
        loss = mmd(source, cloud)
        loss.backward()
        optimizer.step()
    assert loss < before / 10


def test_mmd_of_features_that_all_died_is_zero_and_has_a_gradient():
    dead = torch.zeros(8, 3, requires_grad=True)
    loss = mmd(dead, torch.zeros(8, 3))
    loss.backward()
    assert loss == 0 and torch.isfinite(dead.grad).all()


def test_coral_is_zero_on_equal_covariances_whatever_the_means(cloud):
    assert coral(cloud, cloud + 100).item() == pytest.approx(0, abs=1e-6)


def test_coral_by_hand():
    """Variances 2 and 8 in one dimension: (2 - 8)^2 / (4 * 1^2) = 9."""
    source, target = torch.tensor([[-1.0], [1.0]]), torch.tensor([[-2.0], [2.0]])
    assert coral(source, target).item() == pytest.approx(9)


def test_coral_agrees_with_torch(cloud):
    other = cloud * torch.arange(1, 7)
    expected = (torch.cov(cloud.T) - torch.cov(other.T)).square().sum() / (4 * 36)
    assert coral(cloud, other).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("domains", [2, 3, 7])
def test_confusion_is_least_and_log_k_where_no_domain_is_preferred(domains):
    logits = torch.full((5, domains), 1.7, requires_grad=True)
    loss = confusion_loss(logits)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(domains), rel=1e-6)
    assert logits.grad.abs().max() < 1e-7
    assert confusion_loss(torch.randn(5, domains)) > loss


def test_confusion_pulls_both_domains_to_the_middle():
    """A sure discriminator, right or wrong, is equally far from being confused."""
    right, wrong = torch.tensor([[4.0, -4.0]]), torch.tensor([[-4.0, 4.0]])
    assert confusion_loss(right) == confusion_loss(wrong)


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_reversal_passes_values_on_and_turns_gradients(strength, cloud):
    features = cloud.clone().requires_grad_()
    weights = torch.arange(6.0)
    turned = reverse_gradient(features, strength)
    assert torch.equal(turned, features)
    (turned * weights).sum().backward()
    assert torch.equal(features.grad, -strength * weights.expand(40, 6))


def test_reversal_leaves_the_discriminators_own_gradient_alone(cloud):
    layer = nn.Linear(6, 2)
    gradients = []
    for features in (cloud, reverse_gradient(cloud.clone().requires_grad_(), 5.0)):
        layer.zero_grad()
        nn.functional.cross_entropy(layer(features), torch.zeros(40).long()).backward()
        gradients.append(layer.weight.grad.clone())
    assert torch.equal(*gradients)


def test_schedule_starts_at_zero_rises_and_ends_near_one():
    values = [reversal_schedule(step / 100) for step in range(101)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[50] == pytest.approx(2 / (1 + math.exp(-5)) - 1)
    assert 0.9999 < values[-1] < 1


def test_penalty_of_a_linear_discriminator_is_its_squared_slope(cloud):
    layer = nn.Linear(6, 2)
    slope = layer.weight[1] - layer.weight[0]
    penalty = gradient_penalty(layer, cloud, cloud.flip(0))
    assert penalty.item() == pytest.approx(slope.square().sum().item(), rel=1e-5)
    penalty.backward()
    assert torch.allclose(layer.weight.grad[1], 2 * slope, atol=1e-5)


def test_information_is_log_classes_when_sure_and_varied_and_zero_when_not():
    sure = 100 * torch.eye(10)
    assert mutual_information(sure).item() == pytest.approx(math.log(10), rel=1e-5)
    assert mutual_information(torch.zeros(10, 10)).item() == pytest.approx(0, abs=1e-6)  # no idea
    assert mutual_information(sure[:1].expand(10, 10)).item() == pytest.approx(
        0, abs=1e-6
    )  # one class


def test_information_has_a_finite_gradient_where_a_class_is_never_predicted():
    logits = torch.tensor([[500.0, 0, -500], [500.0, 0, -500]], requires_grad=True)
    mutual_information(logits).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: mmd(torch.zeros(3, 4), torch.zeros(3, 5)),
        lambda: coral(torch.zeros(3, 4, 2, 2), torch.zeros(3, 4, 2, 2)),
        lambda: coral(torch.zeros(1, 4), torch.zeros(3, 4)),
        lambda: confusion_loss(torch.zeros(5, 1)),
        lambda: gradient_penalty(nn.Linear(4, 2), torch.zeros(3, 4), torch.zeros(2, 4)),
        lambda: adapt_batchnorm(nn.Linear(4, 2), torch.zeros(3, 4)),
        lambda: domain_probe(torch.zeros(3, 4), torch.zeros(30, 4)),
        lambda: font_glyphs(0),
        lambda: digit_domains(shift="inverse"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(call):
    with pytest.raises(InputError):
        call()


# --- measures -----------------------------------------------------------------------------------


def test_batchnorm_takes_over_the_targets_statistics_and_nothing_else():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5))
    images = 5 + 2 * torch.randn(400, 3, 4, 4)
    adapted = adapt_batchnorm(model, images, batch_size=100)
    torch.testing.assert_close(adapted[0].running_mean, images.mean((0, 2, 3)))
    assert torch.allclose(adapted(images).std((0, 2, 3)), torch.ones(3), atol=0.01)
    assert torch.equal(model[0].running_mean, torch.zeros(3)), "the model given was changed"
    assert model.training and not adapted.training
    assert adapted[0].momentum == 0.1


def test_probe_guesses_on_one_cloud_and_is_sure_of_two():
    noise = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    same = domain_probe(noise[:1000], noise[1000:])
    apart = domain_probe(noise[:1000], noise[1000:] + 10)
    assert same == pytest.approx(0.5, abs=0.06)
    assert apart == 1.0
    assert (proxy_a_distance(0.5), proxy_a_distance(1.0)) == (0, 2)


# --- data ---------------------------------------------------------------------------------------


def test_fonts_are_drawn_anew_by_seed_and_centred():
    glyphs = font_glyphs(120, "07a", seed=3)
    again, other = font_glyphs(120, "07a", seed=3), font_glyphs(120, "07a", seed=4)
    assert torch.equal(glyphs.images, again.images)
    assert not torch.equal(glyphs.images, other.images)
    assert glyphs.images.shape == (120, 1, 16, 16) and glyphs.labels.unique().tolist() == [0, 1, 2]
    ink = glyphs.images[:, 0] > 0
    heights, widths = ink.any(2).sum(1), ink.any(1).sum(1)
    assert torch.maximum(heights, widths).eq(12).all(), "the longer side is 12 pixels"
    assert 0 <= glyphs.images.min() and glyphs.images.max() <= 1
    assert not font_glyphs(2, " ").images.any()


def test_digits_of_fonts_are_told_apart_by_their_labels():
    from sklearn.linear_model import LogisticRegression

    train, test = font_glyphs(800, seed=0), font_glyphs(200, seed=1)
    model = LogisticRegression(max_iter=300)
    model.fit(train.images.flatten(1).numpy(), train.labels.numpy())
    assert model.score(test.images.flatten(1).numpy(), test.labels.numpy()) > 0.9


def test_splits_cover_the_handwriting_once_and_change_with_the_seed(domains):
    written = handwriting()
    assert len(written) == 1797
    parts = torch.cat([domains.target.images, domains.target_test.images])
    assert sorted(parts.sum((1, 2, 3)).tolist()) == sorted(written.images.sum((1, 2, 3)).tolist())
    assert not torch.equal(digit_domains(1, n_source=1).target.images, domains.target.images)


def test_shifts_do_what_they_say(domains):
    thinned = digit_domains(0, n_source=400, shift="labels")
    for before, after in (
        (domains.target, thinned.target),
        (domains.target_test, thinned.target_test),
    ):
        kept = after.labels.bincount(minlength=10) / before.labels.bincount(minlength=10)
        assert kept[:5].eq(1).all() and kept[5:].mean() < 0.2
    assert torch.equal(thinned.source.images, domains.source.images)
    inverted = digit_domains(0, n_source=400, shift="inverted")
    assert torch.equal(inverted.target.images, 1 - domains.target.images)
    assert torch.equal(inverted.target.labels, domains.target.labels)


def test_jitter_is_small_and_none_at_zero(domains):
    images = domains.source.images[:20]
    assert torch.allclose(jitter(images, 0.0), images, atol=1e-4)
    moved = jitter(images)
    assert not torch.allclose(moved, images, atol=0.05)
    assert (moved.sum() / images.sum()).item() == pytest.approx(1, abs=0.15)


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_says_how(method, domains):
    run = adapt(domains, method, steps=12, batch_size=16, discriminator_steps=2, penalty=1.0)
    assert len(run.trace) == 12 and not run.network.training
    assert run.column("step") == list(range(1, 13))
    assert run.column("strength")[0] == 0
    assert all(math.isfinite(loss) for loss in run.column("task_loss"))
    adversarial = method in ("reversal", "confusion")
    assert (run.recent("domain_accuracy") is not None) == adversarial
    assert (run.recent("domain_loss") is None) == (method in ("source", "oracle"))


def test_the_source_is_learned_and_the_handwriting_is_not(domains):
    run = adapt(domains, "source", steps=150, batch_size=32)
    result = measure_domains(run.network, domains)
    assert result["source_accuracy"] > 0.85
    assert 0.2 < result["target_accuracy"] < result["source_accuracy"] - 0.1
    assert result["probe_accuracy"] > 0.8
    assert result["a_distance"] == pytest.approx(2 * (2 * result["probe_accuracy"] - 1))


def test_alignment_brings_the_features_together(domains):
    probes = {
        method: measure_domains(adapt(domains, method, steps=150, batch_size=32).network, domains)[
            "probe_accuracy"
        ]
        for method in ("source", "mmd")
    }
    assert probes["mmd"] < probes["source"] - 0.05


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"oracle"}))
def test_target_labels_are_never_read(method, domains):
    """Other labels, same network, bit by bit."""
    target = domains.target
    wrong = type(target)(target.images, (target.labels + 1) % 10)
    lied_to = Domains(domains.source, domains.source_test, wrong, domains.target_test)
    settings = {"steps": 4, "batch_size": 8}
    networks = [adapt(world, method, **settings).network for world in (domains, lied_to)]
    for honest, other in zip(*(net.state_dict().values() for net in networks), strict=True):
        assert torch.equal(honest, other)


def test_runs_repeat_by_seed_and_leave_torchs_generator_alone(domains):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    settings = {"method": "confusion", "steps": 3, "batch_size": 8}
    losses = [adapt(domains, seed=seed, **settings).column("task_loss") for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_confusing_features_do_not_teach_the_discriminator(domains):
    """The discriminator of the alternating game learns from its own steps only."""
    from tlhelpers.methods.adaptation.adversary import Adversary

    adversary = Adversary("confusion", 64, 1, 0.0, torch.device("cpu"))
    features = torch.randn(16, 64, requires_grad=True)
    loss = adversary.loss(features, 1.0, {})
    before = [parameter.clone() for parameter in adversary.discriminator.parameters()]
    adversary.optimizer.zero_grad()
    loss.backward()
    adversary.after_features()
    assert features.grad.abs().sum() > 0
    for old, parameter in zip(before, adversary.discriminator.parameters(), strict=True):
        assert parameter.grad is None and torch.equal(old, parameter)


def test_unknown_methods_and_no_steps_are_refused(domains):
    with pytest.raises(InputError, match="reversal"):
        adapt(domains, "reversel")
    with pytest.raises(InputError):
        adapt(domains, "mmd", steps=0)


def test_both_networks_give_logits_for_any_number_of_classes():
    images = torch.zeros(3, 1, 16, 16)
    assert digit_network()(images).shape == (3, 10)
    assert digit_network(26, feature_norm=False)(images).shape == (3, 26)


# --- the stored measurement -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    path = recipe.FOLDER / "domain_confusion.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def test_the_stored_table_is_made_of_the_stored_rows(rows):
    text = (recipe.FOLDER / "domain_confusion.md").read_text(encoding="utf-8")
    assert text == recipe.summarise(rows)


def test_every_stored_run_is_whole(rows):
    runs = {row["run"] for row in rows}
    shifted = ["source only", "AdaBN", *recipe.SHIFTED]
    arms = {(None, arm) for arm in (*recipe.ARMS, "AdaBN")}
    arms |= {(shift, arm) for shift in ("labels", "inverted") for arm in shifted}
    assert len(runs) >= 5 and len(rows) == len(runs) * len(arms)
    for run in runs:
        assert {(row["shift"], row["arm"]) for row in rows if row["run"] == run} == arms


@pytest.mark.parametrize("base", ["source only", "plain source only"])
def test_the_lesson_says_what_was_measured(rows, base):
    """About half of the gap by MMD, over a third by the mended game, on both baselines."""
    closed = {arm: fmean(recipe.gap_closed(rows, arm, base).values()) for arm in recipe.ARMS}
    mended = "confusion, 5 steps + penalty"
    assert closed["MMD"] > 0.45 and closed[mended] > 1 / 3
    assert closed["confusion, 5 steps"] < closed["confusion"] < closed["confusion, penalty"]
    assert closed["confusion, penalty"] < closed[mended] < closed["mutual information"]


def test_label_shift_turns_alignment_into_harm(rows):
    accuracy = {
        arm: fmean(recipe.column(rows, arm, "target_accuracy", "labels").values())
        for arm in ("source only", "MMD")
    }
    assert accuracy["MMD"] < accuracy["source only"] - 0.03
