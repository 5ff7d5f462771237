"""Document sets and the standardisation that is fitted on them."""

from dataclasses import replace

import numpy as np
import pytest

from hilbert.stages.fit.dataset import check_features
from hilbert.stages.fit.standardise import segment_moments
from hilbert.store.errors import FitError
from hilbert.store.types import Features
from support.synthetic import make_documents


def constant(value: float, n_segments: int = 3, dim: int = 6) -> Features:
    x = np.full((n_segments, dim), value, dtype=np.float16)
    return Features(x, np.full((n_segments, 2), np.nan))


def test_take_keeps_documents_whole() -> None:
    documents = make_documents(10)
    taken = documents.take([7, 2])
    assert taken.ids == ("d007", "d002")
    assert taken.labels.tolist() == documents.labels[[7, 2]].tolist()
    assert taken.audio[0] is documents.audio[7]
    assert taken.widths == documents.widths == (6, 4)


def test_a_modality_that_no_document_has_has_no_width() -> None:
    documents = replace(make_documents(4), text=(None,) * 4)
    assert documents.text_dim is None
    assert documents.widths == (6, 1)


def test_documents_of_two_widths_are_refused() -> None:
    documents = make_documents(3)
    with pytest.raises(FitError, match="document d001 has audio features of width 5"):
        replace(documents, audio=(documents.audio[0], constant(1.0, dim=5), documents.audio[2]))


def test_lengths_and_labels_are_checked() -> None:
    documents = make_documents(3)
    with pytest.raises(FitError, match="3 ids, but 2 groups"):
        replace(documents, groups=("a", "b"))
    with pytest.raises(FitError, match="labels must be in"):
        replace(documents, labels=np.array([0, 1, 2]))


def test_features_that_are_not_finite_or_not_there_are_refused_by_name() -> None:
    documents = make_documents(3)
    check_features(documents)
    with pytest.raises(FitError, match="document d002 has features that are not finite"):
        check_features(replace(documents, audio=(*documents.audio[:2], constant(np.inf))))
    empty = replace(documents, audio=(None, *documents.audio[1:]), text=(None, *documents.text[1:]))
    with pytest.raises(FitError, match="document d000 has neither"):
        check_features(empty)


def test_documents_count_the_same_however_long() -> None:
    documents = replace(make_documents(2), audio=(constant(0.0, 100), constant(1.0, 2)))
    moments = segment_moments(documents, np.arange(2), "audio")
    assert moments.mean == pytest.approx(0.5)
    assert moments.deviation == pytest.approx(0.5)


def test_only_the_documents_asked_for_are_seen() -> None:
    documents = make_documents(6)
    train = np.array([0, 2, 3])
    moments = segment_moments(documents, train, "audio")
    other = replace(documents, audio=(documents.audio[0], constant(99.0), *documents.audio[2:]))
    again = segment_moments(other, train, "audio")
    assert np.array_equal(moments.mean, again.mean)
    assert np.array_equal(moments.deviation, again.deviation)


def test_constant_and_absent_features_are_left_alone() -> None:
    documents = replace(make_documents(2), audio=(constant(2.0), None), text=(None, None))
    moments = segment_moments(documents, np.arange(2), "audio")
    assert moments.deviation.tolist() == [1.0] * 6
    nothing = segment_moments(documents, np.array([1]), "audio")
    assert nothing.mean.tolist() == [0.0] * 6
    assert segment_moments(documents, np.arange(2), "text").mean.shape == (1,)
