"""Targets of every kind: what is asked, how folds keep it in proportion, and what fits learn."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from hilbert.stages.fit.config import Kind, SplitConfig, TrainConfig, train_config_from_dict
from hilbert.stages.fit.crossval import HilbertModel, cross_validate
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.side_by_side import baselines_of
from hilbert.stages.fit.split_kinds import check_splits, folds_of
from hilbert.stages.fit.splits import Fold, inner_splits
from hilbert.stages.fit.targets import MISSING, Labels, Question, Target, shown
from hilbert.stages.fit.train import train_hilbert
from hilbert.stages.fit.trained import from_state
from hilbert.stages.fit.truth import median_class
from hilbert.store.errors import FitError
from support.synthetic import features, make_documents, small_config

ONCE = SplitConfig(folds=3, repeats=1)


def question(labels: list[int] | Labels, target: str = "y", kind: Kind = "classes") -> Question:
    codes = np.asarray(labels, dtype=np.int64)
    names = tuple("abcdefgh"[: codes.max() + 1])
    return Question(target, kind, ("not x", "x") if kind == "multilabel" else names, codes)


def asking(documents: DocumentSet, *questions: Question) -> DocumentSet:
    """The documents with other questions."""
    first, *further = questions
    return replace(documents.only(first), further=tuple(further))


def planted(n: int, *shifts: Labels, seed: int = 0) -> DocumentSet:
    """Documents whose audio's first features are shifted by these numbers."""
    rng = np.random.default_rng(seed)
    audio = []
    for i in range(n):
        centre = np.zeros(6)
        centre[: len(shifts)] = [2.0 * shift[i] for shift in shifts]
        audio.append(features(rng, 4, centre))
    return replace(make_documents(n, told_by="nothing"), audio=tuple(audio))


class TestQuestions:
    def test_columns_stand_side_by_side_by_target(self) -> None:
        documents = asking(
            make_documents(4),
            question([0, 1, 2, 0], "mood"),
            question([1, 0, -1, 1], "tags", "multilabel"),
            question([0, 0, -1, 1], "tags", "multilabel"),
            question([0, 1, 1, -1], "severity", "ordinal"),
        )
        assert [t.name for t in documents.targets] == ["mood", "tags", "severity"]
        assert [t.widths for t in documents.targets] == [(3,), (2, 2), (2,)]
        assert documents.n_columns == 9
        assert documents.answers.shape == (4, 4)
        _, tags, severity = documents.asked
        assert tags.labels.tolist() == [[1, 0], [0, 0], [-1, -1], [1, 1]]
        assert severity.known.tolist() == [True, True, True, False]
        p = np.arange(36.0).reshape(4, 9)
        assert tags.scores(p)[0].tolist() == [4, 6]  # that a document has it
        assert shown(documents.targets, p)[0].tolist() == [0, 1, 2, 4, 6, 7, 8]
        taken = documents.take([3, 0])
        assert taken.answers.tolist() == [[0, 1, 1, -1], [0, 1, 0, 0]]

    def test_strata_of_one_question_are_its_labels(self) -> None:
        documents = make_documents(6)
        assert documents.strata is documents.labels

    def test_strata_are_of_the_first_target_that_knows_and_of_the_rarest_label(self) -> None:
        documents = asking(
            make_documents(6),
            question([0, 1, -1, -1, -1, -1], "mood"),
            question([1, 0, 1, 0, 1, -1], "tags", "multilabel"),
            question([1, 0, 1, 0, 0, -1], "tags", "multilabel"),
        )
        # classes of mood and one more, then the labels, the second rarer, then none of them
        assert documents.strata.tolist() == [0, 1, 4, 5, 3, MISSING]

    def test_labels_of_another_length_or_class_are_refused(self) -> None:
        with pytest.raises(FitError, match="labels of y"):
            asking(make_documents(4), question([0, 1, 0, 1]), question([0, 1]))


class TestFolds:
    def documents(self) -> DocumentSet:
        """Target a is missing on a third, b on the last two; document 23 knows neither."""
        n = 24
        a = np.where(np.arange(n) % 3 == 0, MISSING, np.arange(n) % 2)
        b = np.where(np.arange(n) >= 22, MISSING, np.arange(n) // 2 % 2)
        a[23] = MISSING
        return asking(make_documents(n, per_group=2), question(a, "a"), question(b, "b"))

    def test_every_document_with_a_label_is_tested_once_and_groups_are_kept(self) -> None:
        documents = self.documents()
        check_splits(documents, ONCE, ())
        folds = folds_of(documents, ONCE, ())
        tested = np.sort(np.concatenate([fold.test for fold in folds]))
        assert tested.tolist() == list(range(23))
        names = np.asarray(documents.groups)
        for fold in folds:
            assert not set(names[fold.test]) & set(names[fold.train])

    def test_an_unlabelled_document_trains_unless_its_group_is_tested(self) -> None:
        folds = folds_of(self.documents(), ONCE, ())
        for fold in folds:  # 22 and 23 are of one group
            assert (23 in fold.train) == (22 not in fold.test)
        assert sum(23 in fold.train for fold in folds) == 2

    def test_an_order_of_the_classes_changes_no_fold(self) -> None:
        """So that a fit that knows it can be compared with one that does not."""
        plain = make_documents(24, n_classes=3)
        labels = np.array([2, 0, 1])[plain.labels]
        ranked = asking(plain, Question("y", "ordinal", ("b", "c", "a"), labels))
        assert ranked.strata.tolist() == plain.strata.tolist()
        missing = labels.copy()
        missing[3] = MISSING
        assert ranked.with_labels(missing).strata[3] == MISSING

    def test_inner_splits_ask_for_the_classes_of_all_questions_not_for_rare_strata(self) -> None:
        """Document 0 alone lacks a, so that it is a stratum of its own; its label is not rare."""
        a, b = np.arange(24) % 2, np.arange(24) // 2 % 2
        a[0] = MISSING
        documents = asking(make_documents(24), question(a, "a"), question(b, "b"))
        args = (documents.strata, documents.groups, np.arange(24), 3, 0)
        assert len(inner_splits(*args)) == 2
        assert len(inner_splits(*args, documents.answers)) == 3

    def test_each_target_is_checked_by_its_name(self) -> None:
        rare = question([0] * 23 + [1], "rare")
        documents = asking(make_documents(24), question(np.arange(24) % 2, "a"), rare)
        with pytest.raises(FitError, match="rare: class b has one document"):
            check_splits(documents, ONCE, ())


def test_documents_without_any_label_train_the_alignment() -> None:
    """Their features change the embeddings, though nothing is known of them."""
    documents = make_documents(30)
    labels = np.where(np.arange(30) < 20, documents.labels, MISSING)
    documents = documents.with_labels(labels)
    config = small_config(inner_parts=0, linear=False)
    models = [train_hilbert(documents, np.arange(n), config, seed=1) for n in (20, 30)]
    said = [model.embed(documents.take(range(5)))["joint"] for model in models]
    assert not np.allclose(said[0], said[1])
    assert models[1].curves[0]["contrast"][0] > 0


class TestOrdinal:
    N = 90

    def documents(self) -> DocumentSet:
        """Four classes along one feature."""
        labels = np.arange(self.N) % 4
        asked = Question("severity", "ordinal", ("0", "1", "2", "3"), labels)
        return asking(planted(self.N, labels - 1.5), asked)

    def test_a_planted_order_is_recovered(self) -> None:
        documents = self.documents()
        config = small_config(epochs=30, linear=False)
        model = train_hilbert(documents, np.arange(60), config, seed=1)
        p = model.predict_proba(documents.take(range(60, 90)))
        assert p.shape == (30, 4)
        assert p.sum(1) == pytest.approx(1.0, abs=1e-9)
        kappa = cohen_kappa_score(documents.labels[60:], median_class(p), weights="quadratic")
        assert kappa > 0.8

    def test_the_network_alone_ranks_along_one_score(self) -> None:
        """Without linear expert and mixing, the odds of being higher rise together."""
        documents = self.documents()
        config = small_config(epochs=30, linear=False, inner_parts=0)
        model = train_hilbert(documents, np.arange(60), config, seed=1)
        above = 1 - model.predict_proba(documents.take(range(60, 90))).cumsum(1)[:, :-1]
        order = np.argsort(above[:, 0])
        assert (np.diff(above[order], axis=0) >= -1e-9).all()
        assert roc_auc_score(documents.labels[60:] >= 2, above[:, 1]) > 0.9


def test_two_planted_labels_of_many_are_found_each_in_its_own_feature() -> None:
    n = 120
    rng = np.random.default_rng(1)
    has = rng.integers(0, 2, (n, 2))
    documents = asking(
        planted(n, has[:, 0], has[:, 1]),
        question(has[:, 0], "tags", "multilabel"),
        question(has[:, 1], "tags", "multilabel"),
    )
    model = train_hilbert(documents, np.arange(80), small_config(epochs=20), seed=1)
    p = documents.asked[0].scores(model.predict_proba(documents.take(range(80, n))))
    for label in range(2):
        assert roc_auc_score(has[80:, label], p[:, label]) > 0.9
        assert roc_auc_score(has[80:, label], p[:, 1 - label]) < 0.75
    assert p.sum(1).std() > 0.1  # they do not compete


class TestSeveral:
    N = 90

    def documents(self) -> DocumentSet:
        """Target a shows in one feature, b in another; b is missing on every third document."""
        rng = np.random.default_rng(2)
        a, b = rng.integers(0, 2, (2, self.N))
        known = np.where(np.arange(self.N) % 3 == 0, MISSING, b)
        return asking(planted(self.N, a, b), question(a, "a"), question(known, "b", "ordinal"))

    def config(self) -> TrainConfig:
        return small_config(epochs=20)

    def test_both_are_learned_on_one_trunk(self) -> None:
        documents = self.documents()
        model = train_hilbert(documents, np.arange(60), self.config(), seed=1)
        tested = documents.take(range(60, 90))
        p = model.predict_proba(tested)
        for asked in tested.asked:
            own = asked.scores(p)[asked.known]
            assert roc_auc_score(asked.labels[asked.known], own[:, 1]) > 0.9
        assert model.inner is not None
        assert np.isfinite(model.inner.probabilities).all(1).sum() < len(model.inner.documents)

    def test_a_missing_label_changes_nothing_whatever_it_would_have_been(self) -> None:
        """Labels of b outside of training may be anything."""
        documents = self.documents()
        other = np.where(np.arange(self.N) < 60, documents.further[0].labels, 0)
        changed = replace(documents, further=(replace(documents.further[0], labels=other),))
        config = small_config(epochs=2)
        first, second = (
            train_hilbert(d, np.arange(60), config, seed=1).state() for d in (documents, changed)
        )
        assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())

    def test_state_makes_the_same_model_again(self) -> None:
        documents = self.documents()
        model = train_hilbert(documents, np.arange(60), small_config(epochs=1), seed=1)
        config = train_config_from_dict(asdict(model.config))
        again = from_state(model.state(), documents.targets, config)
        assert np.array_equal(model.predict_proba(documents), again.predict_proba(documents))
        two = [Target("a", "classes", ("a", "b"))]
        with pytest.raises(FitError, match="do not fit"):
            from_state(model.state(), two, config)

    def test_baselines_learn_each_question_of_the_documents_that_know_it(self) -> None:
        documents = self.documents()
        fold = Fold(0, 0, np.arange(60), np.arange(60, 90))
        both = baselines_of(documents)
        found = cross_validate(documents, [fold], both).probabilities
        for asked, own in zip(documents.asked, documents.questions, strict=True):
            one = documents.only(own)
            alone = cross_validate(one, [fold], baselines_of(one)).probabilities
            for model in both:
                np.testing.assert_array_equal(
                    asked.scores(found[model.name][0]), alone[model.name][0]
                )

    def test_a_fold_that_knows_nothing_of_a_target_guesses_evenly(self) -> None:
        documents = self.documents()
        nothing = np.where(np.arange(self.N) < 60, MISSING, documents.further[0].labels)
        documents = replace(documents, further=(replace(documents.further[0], labels=nothing),))
        fold = Fold(0, 0, np.arange(60), np.arange(60, 90))
        models = [HilbertModel(small_config(epochs=1)), *baselines_of(documents)]
        found = cross_validate(documents, [fold], models).probabilities
        for model in models:
            assert np.isfinite(found[model.name][0]).all()
            if model.name != "hilbert":
                assert (documents.asked[1].scores(found[model.name][0]) == 0.5).all()
