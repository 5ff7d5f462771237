"""Documents with both modalities, predicted from one."""

from dataclasses import replace

import numpy as np
import pytest

from hilbert.pipeline.withheld import withheld_as_json
from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.crossval import CrossValidated, HilbertModel, cross_validate
from hilbert.stages.fit.splits import SplitConfig, make_folds
from hilbert.stages.fit.train import train_hilbert
from hilbert.stages.fit.withheld import has_both, predict_withheld, without
from support.synthetic import make_documents, small_config

FULL = make_documents(40, strength=4.0)
DOCUMENTS = replace(  # audio tells the label; every fifth has no text
    FULL, text=tuple(None if i % 5 == 0 else f for i, f in enumerate(FULL.text))
)
FOLDS = make_folds(DOCUMENTS.labels, DOCUMENTS.groups, SplitConfig(folds=2, repeats=2))
BOTH = has_both(DOCUMENTS)


@pytest.fixture(scope="module")
def found() -> CrossValidated:
    models = [HilbertModel(small_config()), *make_baselines(DOCUMENTS)]
    return cross_validate(DOCUMENTS, FOLDS, models)


def test_what_is_withheld_is_not_looked_at() -> None:
    model = train_hilbert(DOCUMENTS, np.arange(30), small_config(epochs=1), seed=0)
    tested = DOCUMENTS.take(np.arange(30, 40))
    both = has_both(tested)
    said = predict_withheld(model, tested)
    other = predict_withheld(model, replace(tested, text=DOCUMENTS.text[20:30]))
    assert np.array_equal(said["text"][both], other["text"][both])
    assert not np.array_equal(said["audio"][both], other["audio"][both])
    assert np.isnan(said["text"][~both]).all()
    assert np.array_equal(
        said["text"][both], model.predict_proba(without(tested, "text").take(np.flatnonzero(both)))
    )


def test_the_cost_is_that_of_the_modality_that_tells(found: CrossValidated) -> None:
    (told,) = withheld_as_json(DOCUMENTS, FOLDS, found, pooled=False)
    assert told is not None
    for cost in told.values():
        assert cost["documents"] == BOTH.sum()
        assert cost["difference"] == pytest.approx(cost["auc_macro"] - cost["complete"])
        low, high = cost["interval"]
        assert low <= cost["difference"] <= high
    assert told["audio"]["difference"] < -0.2
    assert told["text"]["difference"] > -0.05


def test_pooled_scores_have_a_cost_too(found: CrossValidated) -> None:
    (told,) = withheld_as_json(DOCUMENTS, FOLDS, found, pooled=True)
    assert told is not None
    assert told["audio"]["method"] == "bootstrap"
    assert told["audio"]["difference"] < -0.2


def test_nothing_is_withheld_where_no_document_has_both() -> None:
    alone = without(DOCUMENTS, "text")
    cut = cross_validate(alone, FOLDS[:1], [HilbertModel(small_config(epochs=1))])
    assert withheld_as_json(alone, FOLDS[:1], cut, pooled=False) == [None]
    baselines = cross_validate(DOCUMENTS, FOLDS[:1], make_baselines(DOCUMENTS))
    assert not baselines.withheld
