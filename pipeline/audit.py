"""The audits of a fit: which models are tried on which documents, and what comes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from hilbert.pipeline.documents import load_features, summaries_of
from hilbert.pipeline.fit_plan import FitOptions, FitPlan
from hilbert.pipeline.metadata import metadata_of
from hilbert.pipeline.scoring import Scored, in_short, score_all
from hilbert.pipeline.speakers import ROLES, SpeakerChoice
from hilbert.stages.fit.audits import (
    LATE_FUSION,
    Chance,
    late_fusion,
    metadata_models,
    other_voices,
    permutation_folds,
    permuted_models,
    permuted_scores,
    single_modality,
    with_presence,
)
from hilbert.stages.fit.compare import compare
from hilbert.stages.fit.crossval import (
    CrossValidated,
    HilbertModel,
    Model,
    Probabilities,
    n_counted,
)
from hilbert.stages.fit.dataset import DocumentSet, is_present
from hilbert.stages.fit.findings import put_in_words
from hilbert.stages.fit.side_by_side import answering_all
from hilbert.stages.fit.split_kinds import is_pooled
from hilbert.stages.fit.splits import Fold
from hilbert.store.feature_store import FeatureStore


class Trial(NamedTuple):
    """Models to be cross-validated on the same documents and folds."""

    documents: DocumentSet
    folds: Sequence[Fold]
    models: Sequence[Model]

    @property
    def n_fits(self) -> int:
        """Fits that count as progress."""
        return n_counted(self.models, self.folds)


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What an audit will try.

    Attributes
    ----------
    trials : tuple of Trial
        On the folds of the fit.
    permuted : Trial
        Under permuted labels.
    voices : mapping of str to (str, int, int)
        By the end of their models' names: whose speech is tried, of how many documents, of all.
    """

    trials: tuple[Trial, ...]
    permuted: Trial
    voices: Mapping[str, tuple[str, int, int]]

    @property
    def n_fits(self) -> int:
        """Fits that count as progress."""
        return sum(trial.n_fits for trial in (*self.trials, self.permuted))


def plan_audit(
    store: FeatureStore,
    plan: FitPlan,
    options: FitOptions,
    documents: DocumentSet,
    folds: Sequence[Fold],
) -> AuditPlan:
    """Choose the models of an audit, and read the features that the fit itself does not see."""
    known = with_presence(metadata_of(store, plan.rows, plan.speakers), documents)
    metadata = metadata_models(known)
    trials = [Trial(documents, folds, answering_all(documents, metadata))]
    for name, alone in single_modality(documents).items():
        trials.append(Trial(alone, folds, [HilbertModel(options.train, name)]))
    voices = {"interviewer": ("the interviewer", 0, documents.n_documents)}
    if not plan.speakers.is_everyone:
        voices.clear()
    for name, (whose, choice) in other_choices(store, plan).items():
        heard = load_features(store, documents, plan.rows, plan.encoders, choice)
        streams = zip(heard.audio, heard.text, strict=True)
        n_heard = sum(any(map(is_present, pair)) for pair in streams)
        voices[name] = (whose, n_heard, documents.n_documents)
        if n_heard:
            trials.append(Trial(heard, folds, other_voices(heard, name, options.train)))
    few = permutation_folds(documents, folds, pooled=is_pooled(options.splits))
    return AuditPlan(
        tuple(trial for trial in trials if trial.models),
        Trial(documents, few, permuted_models(documents, options.train)),
        voices,
    )


def other_choices(store: FeatureStore, plan: FitPlan) -> dict[str, tuple[str, SpeakerChoice]]:
    """Whose speech is to be tried alone: who is not heard, or each role that somebody has.

    Returns
    -------
    dict of str to (str, SpeakerChoice)
        By the end of the models' names, who that is in a sentence, and the choice.
    """
    own = plan.speakers
    if own.is_everyone:
        summaries = summaries_of(store, plan.rows).values()
        names = {name for summary in summaries for name in summary.speakers}
        present = {own.roles.role_of(name) for name in names}
        return {
            role: (f"the {role}", SpeakerChoice((role,), roles=own.roles))
            for role in ROLES
            if role in present
        }
    # of those kept by name or role, whom --drop-speakers takes out again stays untried
    others = (
        SpeakerChoice(drop=own.keep, roles=own.roles)
        if own.keep
        else SpeakerChoice(own.drop, roles=own.roles)
    )
    return {"others": ("the speakers left out", others)}


def audit_as_json(
    plan: AuditPlan, folds: Sequence[Fold], own: Sequence[Scored], found: Sequence[CrossValidated]
) -> list[dict[str, Any]]:
    """What an audit found of each target, for ``run.json``.

    Parameters
    ----------
    plan : AuditPlan
    folds : sequence of Fold
        Of the fit.
    own : sequence of Scored
        The models of the fit, one a target.
    found : sequence of CrossValidated
        Theirs, then one a trial, then that of permuted labels.
    """
    main, *others, permuted = found
    documents = plan.permuted.documents
    parts: dict[str, Probabilities] = {}
    for one in others:
        parts |= one.probabilities
    if fused := late_fusion(documents, folds, main.probabilities):
        parts[LATE_FUSION] = tuple(fused)
    scored = score_all(documents, folds, CrossValidated(parts, ()), pooled=own[0].pooled)
    chances = permuted_scores(documents, plan.permuted.folds, permuted.probabilities)
    return [_of_target(*target, plan.voices) for target in zip(own, scored, chances, strict=True)]


def _of_target(
    own: Scored,
    scored: Scored,
    chances: Mapping[str, Chance],
    voices: Mapping[str, tuple[str, int, int]],
) -> dict[str, Any]:
    """What the models of an audit make of one target, beside those of the fit."""
    hilbert = own.metrics["hilbert"]
    differences = {name: compare(hilbert, m, own.folds) for name, m in scored.metrics.items()}
    said = put_in_words(hilbert, scored.metrics, differences, chances, voices)
    return {
        "findings": said.findings,
        "notes": said.notes,
        "models": {name: in_short(m) for name, m in scored.metrics.items()},
        "differences": [
            {"a": "hilbert", "b": name, **asdict(d)} for name, d in differences.items()
        ],
        "permuted": {name: asdict(chance) for name, chance in chances.items()},
    }
