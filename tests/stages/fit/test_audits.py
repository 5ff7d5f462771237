"""Audits: what each model sees, and the sentences they come to."""

from dataclasses import replace

import numpy as np
import pytest

from hilbert.stages.fit.audits import (
    Chance,
    Metadata,
    Permuted,
    late_fusion,
    metadata_models,
    permutation_folds,
    permuted,
    permuted_models,
    permuted_scores,
    single_modality,
    with_presence,
)
from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.compare import Difference
from hilbert.stages.fit.crossval import HilbertModel, cross_validate
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.findings import put_in_words
from hilbert.stages.fit.metrics import Metrics, evaluate
from hilbert.stages.fit.splits import SplitConfig, make_folds
from hilbert.stages.fit.targets import Question
from support.synthetic import make_documents, small_config

DOCUMENTS = make_documents(60, per_group=2)
FOLDS = make_folds(DOCUMENTS.labels, DOCUMENTS.groups, SplitConfig(folds=3, repeats=1))


def scored(strength: float) -> Metrics:
    """Scores of a model that knows so much of the label."""
    rng = np.random.default_rng(0)
    scores = strength * DOCUMENTS.labels + rng.random(60)
    p = np.stack([2 - scores, scores], 1) / 2
    args = (DOCUMENTS.labels, DOCUMENTS.groups, DOCUMENTS.classes, FOLDS)
    return evaluate(*args, [p[f.test] for f in FOLDS], resamples=100)


def beside(documents: DocumentSet, labels: np.ndarray) -> DocumentSet:
    """The documents with a second target."""
    classes = tuple("abcdefgh"[: labels.max() + 1])
    return replace(documents, further=(Question("other", "classes", classes, labels),))


BLIND, SEEING = scored(0.0), scored(0.6)
SURE, UNSURE = Difference(0.1, 0.05, 0.15, 0.01, 3), Difference(0.0, -0.1, 0.1, 0.9, 3)


class TestMetadata:
    def test_which_files_are_missing_is_metadata(self) -> None:
        gone = tuple(
            None if label and i % 5 else stream
            for i, (label, stream) in enumerate(zip(DOCUMENTS.labels, DOCUMENTS.text, strict=True))
        )
        documents = replace(DOCUMENTS, text=gone)
        known = with_presence(Metadata(("duration",), np.full((60, 1), 3.0)), documents)
        models = metadata_models(known)
        assert [m.name for m in models] == ["metadata", "metadata: whether it has text"]
        found = cross_validate(documents, FOLDS, models[1:]).probabilities[models[1].name]
        args = (DOCUMENTS.labels, DOCUMENTS.groups, DOCUMENTS.classes, FOLDS)
        assert evaluate(*args, found, resamples=20).auc_macro > 0.8

    def test_the_column_that_tells_the_label_is_found(self) -> None:
        rng = np.random.default_rng(0)
        values = np.stack([60 + 30 * DOCUMENTS.labels + rng.random(60), rng.random(60)], 1)
        models = metadata_models(Metadata(("duration", "the number of words"), values))
        assert [m.name for m in models] == [
            "metadata", "metadata: duration", "metadata: the number of words",
        ]  # fmt: skip
        found = cross_validate(DOCUMENTS, FOLDS, models).probabilities
        args = (DOCUMENTS.labels, DOCUMENTS.groups, DOCUMENTS.classes, FOLDS)
        audits = {n: evaluate(*args, p, resamples=100) for n, p in found.items()}
        said = put_in_words(SEEING, audits, {}, {}, {})
        assert said.findings[0].startswith("The label can be told from duration alone: macro AUC 1")

    def test_columns_that_are_the_same_everywhere_are_no_models(self) -> None:
        values = np.stack([np.full(60, 3.0), np.full(60, np.nan), np.arange(60.0)], 1)
        names = [m.name for m in metadata_models(Metadata(("a", "b", "c"), values))]
        assert names == ["metadata", "metadata: c"]
        assert metadata_models(Metadata(("a",), values[:, :1])) == []
        assert put_in_words(SEEING, {}, {}, {}, {}).notes == (
            "Durations and counts are the same in all documents.",
        )

    def test_nothing_told_is_a_note(self) -> None:
        said = put_in_words(SEEING, {"metadata": BLIND}, {}, {}, {})
        assert said.findings == ()
        assert said.notes[0].startswith(
            "The label is not shown to be told by durations or counts alone"
        )


class TestPermutedLabels:
    def test_classes_stay_as_frequent_and_groups_whole(self) -> None:
        labels = np.repeat(np.arange(30) % 3 == 0, 2).astype(np.int64)
        labels[[0, 1]] = -1
        documents = DOCUMENTS.with_labels(labels)
        found = permuted(documents, 3).labels
        assert np.array_equal(np.bincount(found + 1), np.bincount(labels + 1))
        assert (found[[0, 1]] == -1).all()
        assert (found[::2] == found[1::2]).all()
        assert not np.array_equal(found, labels)
        assert np.array_equal(found, permuted(documents, 3).labels)
        assert not np.array_equal(found, permuted(documents, 4).labels)

    def test_what_a_document_answers_stays_together(self) -> None:
        """Of documents that know either target; who knows neither stays as he is."""
        other = np.repeat(np.arange(30) % 5, 2)  # one label a group
        other[40:50] = -1
        labels = np.where(np.arange(60) < 46, DOCUMENTS.labels, -1)
        documents = beside(DOCUMENTS.with_labels(labels), other)
        found = permuted(documents, 3)
        assert sorted(map(tuple, found.answers)) == sorted(map(tuple, documents.answers))
        assert (found.answers[46:50] == -1).all()
        assert (found.answers[:46] != documents.answers[:46]).any(0).all()
        assert (found.answers[:40:2, 1] == found.answers[1:40:2, 1]).all()

    def test_a_model_is_at_chance_and_a_leak_is_not(self) -> None:
        base = make_baselines(DOCUMENTS)[-1]
        trials = [Permuted(base, seed) for seed in range(12)]
        found = cross_validate(DOCUMENTS, FOLDS, trials).probabilities
        chance = permuted_scores(DOCUMENTS, FOLDS, found)[0]["logistic_both"]
        assert chance.n == 12
        assert chance.low < 0.5
        assert put_in_words(SEEING, {"metadata": BLIND}, {}, {"x": chance}, {}).findings == ()
        leaking = Chance(0.7, 0.65, 0.75, 20)
        said = put_in_words(SEEING, {"metadata": BLIND}, {}, {"logistic_both": leaking}, {})
        assert said.findings[0].startswith("Something leaks")

    def test_a_leak_is_seen(self) -> None:
        """Scores that know the permuted label of a test document, of one of two targets."""
        other = np.where(np.arange(60) % 7, np.arange(60) // 2 % 2, -1)
        documents, found = beside(DOCUMENTS, other), {}
        for seed in range(3):
            labels = permuted(documents, seed).answers[:, 1]
            known = np.eye(2)[np.maximum(labels, 0)]  # those of -1 are nobody's business
            even = np.full((60, 2), 0.5)
            p = np.concatenate([even, known], axis=1)
            found[f"permuted_hilbert_{seed}"] = [p[f.test] for f in FOLDS]
        first, second = permuted_scores(documents, FOLDS, found)
        assert (first["hilbert"].mean, second["hilbert"].mean) == (0.5, 1.0)

    def test_several_permutations_of_both_kinds_of_model(self) -> None:
        models = permuted_models(DOCUMENTS, small_config())
        assert len(models) == 25
        assert len({m.name for m in models}) == 25
        assert models[0].name == "permuted_hilbert_0"
        assert permutation_folds(DOCUMENTS, FOLDS, pooled=False) == FOLDS
        few = permutation_folds(DOCUMENTS, FOLDS, pooled=True)
        assert len(few) == 5


class TestModalities:
    def test_one_modality_at_a_time_and_none_where_there_is_one(self) -> None:
        found = single_modality(DOCUMENTS)
        assert list(found) == ["hilbert_audio", "hilbert_text"]
        assert found["hilbert_audio"].text_dim is None
        assert found["hilbert_text"].audio_dim is None
        assert single_modality(found["hilbert_text"]) == {}

    def test_documents_without_any_feature_are_scored_too(self) -> None:
        """As where a document has no text, and HILBERT sees the text alone."""
        text = tuple(None if i % 3 == 0 else f for i, f in enumerate(DOCUMENTS.text))
        alone = single_modality(replace(DOCUMENTS, text=text))["hilbert_text"]
        models = [HilbertModel(small_config()), *make_baselines(alone)]
        for parts in cross_validate(alone, FOLDS, models).probabilities.values():
            assert np.concatenate(parts).sum(1) == pytest.approx(1.0)

    @pytest.mark.parametrize(("difference", "words"), [
        (SURE, "HILBERT gains from text beside audio"),
        (UNSURE, "HILBERT is not shown to gain from text beside audio"),
    ])  # fmt: skip
    def test_whether_the_second_modality_helps(self, difference: Difference, words: str) -> None:
        audits = {"hilbert_audio": SEEING, "hilbert_text": BLIND}
        said = put_in_words(
            SEEING, audits, {"hilbert_audio": difference, "hilbert_text": SURE}, {}, {}
        )
        assert any(s.startswith(words) for s in (*said.findings, *said.notes))
        assert (difference is UNSURE) == any(s.startswith(words) for s in said.findings)

    def test_late_fusion_is_the_mean_of_what_a_document_has(self) -> None:
        audio = (None, *DOCUMENTS.audio[1:])
        documents = replace(DOCUMENTS, audio=audio)
        rng = np.random.default_rng(0)
        p = {m: [rng.dirichlet([1, 1], len(f.test)) for f in FOLDS]
             for m in ("logistic_audio", "logistic_text")}  # fmt: skip
        for fold, a, b, found in zip(
            FOLDS, *p.values(), late_fusion(documents, FOLDS, p), strict=True
        ):
            expected = np.where(fold.test[:, None] == 0, b, (a + b) / 2)
            assert found == pytest.approx(expected)
        assert late_fusion(DOCUMENTS, FOLDS, {"logistic_audio": p["logistic_audio"]}) == []


def test_what_the_interviewer_gives_away_is_said_with_how_many_were_heard() -> None:
    audits = {"metadata": BLIND, "hilbert_interviewer": BLIND, "logistic_interviewer": SEEING}
    voices = {"interviewer": ("the interviewer", 40, 60)}
    (finding,) = put_in_words(SEEING, audits, {}, {}, voices).findings
    assert finding.startswith(
        "The label can be told from the speech of the interviewer alone (known in 40 of 60"
    )
    said = put_in_words(SEEING, {"metadata": BLIND}, {}, {}, {"x": ("the others", 0, 60)})
    assert (
        said.notes[-1]
        == "No document has speech known to be of the others, so that it could not be tried."
    )
