"""What is learned of each question on its own, put side by side where there are several.

A network learns all questions together. Linear experts, their mixing with the networks, and the
baselines learn each alone, of the documents whose answer is known.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.fit.baselines import Logistic, Majority, make_baselines
from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.dataset import MISSING, DocumentSet, Widths
from hilbert.stages.fit.fit_linear import fit_linear
from hilbert.stages.fit.linear import LinearExperts, linear_experts
from hilbert.stages.fit.mixing import Mixing
from hilbert.stages.fit.results import Inner, Result

Matrix = NDArray[np.float64]
Mix = Callable[[DocumentSet, Matrix, Matrix | None], tuple[Mixing, Inner | None]]
"""Mixes networks and linear expert of one question, and tells what that makes."""


@dataclass(frozen=True, eq=False)
class ExpertsByQuestion:
    """Linear experts of each question.

    Attributes
    ----------
    parts : tuple of (LinearExperts or None)
        None where the training documents have one class.
    n_classes : tuple of int
        Of each question.
    """

    parts: tuple[LinearExperts | None, ...]
    n_classes: tuple[int, ...]

    def log_probabilities(self, documents: DocumentSet, widths: Widths) -> Matrix:
        """Log of the class probabilities, shape (n_documents, n_columns); NaN without expert."""
        return np.concatenate(
            [
                np.full((documents.n_documents, n), np.nan)
                if part is None
                else part.log_probabilities(documents, widths)
                for part, n in zip(self.parts, self.n_classes, strict=True)
            ],
            axis=1,
        )

    def state(self) -> dict[str, Tensor]:
        """Its tensors, named ``<question>.<expert>.<tensor>``."""
        return _numbered(self.parts)


@dataclass(frozen=True, eq=False)
class Mixings:
    """A mixing for each question.

    Attributes
    ----------
    parts : tuple of Mixing
    """

    parts: tuple[Mixing, ...]

    def probabilities(self, network: Matrix, linear: Matrix | None) -> Matrix:
        """Mixed class probabilities of shape (n_documents, n_columns).

        Parameters
        ----------
        network, linear : float64 array of shape (n_documents, n_columns)
            Log probabilities; NaN where a question has no linear expert.
        """
        found, start = [], 0
        for part in self.parts:
            own = slice(start, start + len(part.offset))
            said = None if linear is None or np.isnan(linear[:, own]).all() else linear[:, own]
            found.append(part.probabilities(network[:, own], said))
            start = own.stop
        return np.concatenate(found, axis=1)

    def uncalibrated(self) -> "Mixings":
        """The mixing of each question without scale and class frequencies."""
        return Mixings(tuple(part.uncalibrated() for part in self.parts))

    def state(self) -> dict[str, Tensor]:
        """Its tensors, named ``<question>.<tensor>``."""
        return _numbered(self.parts)


def alone(documents: DocumentSet) -> Iterator[tuple[DocumentSet, slice]]:
    """The documents with one question at a time, and its columns."""
    start = 0
    for question in documents.questions:
        stop = start + len(question.classes)
        yield documents.only(question), slice(start, stop)
        start = stop


def fit_linears(
    documents: DocumentSet, train: Index, seed: int, peaks: int
) -> tuple[LinearExperts | ExpertsByQuestion | None, Matrix]:
    """`fit_linear` of every question, see there.

    Returns
    -------
    expert : LinearExperts or ExpertsByQuestion
        None where the only question has none.
    log_probabilities : float64 array of shape (n_documents, n_columns)
        Of training documents by experts that did not see them; NaN where unknown.
    """
    if not documents.further:
        return fit_linear(documents, train, seed, peaks)
    found = [fit_linear(own, train, seed, peaks) for own, _ in alone(documents)]
    n_classes = tuple(said.shape[1] for _, said in found)
    experts = ExpertsByQuestion(tuple(expert for expert, _ in found), n_classes)
    return experts, np.concatenate([said for _, said in found], axis=1)


def mix_all(
    documents: DocumentSet,
    said: Matrix,
    expert: LinearExperts | ExpertsByQuestion | None,
    linear: Matrix | None,
    mix: Mix,
) -> tuple[Mixing | Mixings, Inner | None]:
    """The mixing of every question, and what it makes of documents that no expert saw.

    Parameters
    ----------
    documents : DocumentSet
    said, linear : float64 array of shape (n_documents, n_columns)
        Log probabilities by networks and linear experts that did not see a document, NaN where
        unknown.
    expert : LinearExperts or ExpertsByQuestion, optional
        Whose word `linear` is; a question without one is not mixed with it.
    mix : callable
        The mixing of one question.
    """
    if not documents.further:
        return mix(documents, said, None if expert is None else linear)
    n_questions = len(documents.questions)
    parts = expert.parts if isinstance(expert, ExpertsByQuestion) else (None,) * n_questions
    found = []
    for part, (own, columns) in zip(parts, alone(documents), strict=True):
        spoken = None if part is None or linear is None else linear[:, columns]
        found.append(mix(own, said[:, columns], spoken))
    inner = _joined([part for _, part in found], [len(q.classes) for q in documents.questions])
    return Mixings(tuple(mixing for mixing, _ in found)), inner


@dataclass(frozen=True, eq=False)
class QuestionByQuestion:
    """A model that learns one question, fitted anew for each of them.

    Attributes
    ----------
    model : Majority or Logistic
    """

    model: Majority | Logistic
    is_quick: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    def fit_predict(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Matrix:
        """Probabilities of the test documents, shape (n_test, n_columns)."""
        return self.fit_fold(documents, train, test, seed).probabilities

    def fit_fold(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Result:
        """Predictions, and those inside the training documents where the model has them."""
        found = [self._fit_one(own, train, test, seed) for own, _ in alone(documents)]
        widths = [len(question.classes) for question in documents.questions]
        probabilities = np.concatenate([result.probabilities for result in found], axis=1)
        return Result(probabilities, _joined([result.inner for result in found], widths))

    def _fit_one(self, own: DocumentSet, train: Index, test: Index, seed: int) -> Result:
        """An even guess where no training document knows the answer."""
        if (own.labels[train] == MISSING).all():
            return Result(np.full((len(test), own.n_classes), 1 / own.n_classes))
        if isinstance(self.model, Logistic):
            return self.model.fit_fold(own, train, test, seed)
        return Result(self.model.fit_predict(own, train, test, seed))


def baselines_of(documents: DocumentSet) -> tuple[Majority | Logistic | QuestionByQuestion, ...]:
    """`make_baselines`, each of which answers all questions."""
    return answering_all(documents, make_baselines(documents))


def answering_all(
    documents: DocumentSet, models: Sequence[Majority | Logistic]
) -> tuple[Majority | Logistic | QuestionByQuestion, ...]:
    """Models that learn one question, each of which answers all those of the documents."""
    return tuple(map(QuestionByQuestion, models)) if documents.further else tuple(models)


def experts_of(
    state: Mapping[str, Tensor], n_classes: Sequence[int]
) -> LinearExperts | ExpertsByQuestion | None:
    """The linear expert, or experts, whose `state` this is; None where it is empty.

    Parameters
    ----------
    state : mapping of str to Tensor
    n_classes : sequence of int
        Of each question.
    """
    if len(n_classes) == 1 or not state:
        return _linear_experts(state)
    parts = tuple(_linear_experts(_of_question(state, i)) for i in range(len(n_classes)))
    return ExpertsByQuestion(parts, tuple(n_classes))


def mixings(state: Mapping[str, Tensor], n_questions: int) -> Mixing | Mixings | None:
    """The mixing, or mixings, whose `state` this is; None where it is empty."""
    if not state:
        return None
    if n_questions == 1:
        return _mixing(state)
    return Mixings(tuple(_mixing(_of_question(state, i)) for i in range(n_questions)))


def _linear_experts(state: Mapping[str, Tensor]) -> LinearExperts | None:
    return linear_experts(state) if state else None


def _mixing(state: Mapping[str, Tensor]) -> Mixing:
    return Mixing(state["weights"].numpy(), state["offset"].numpy())


def _numbered(parts: Sequence[LinearExperts | Mixing | None]) -> dict[str, Tensor]:
    return {
        f"{i}.{name}": tensor
        for i, part in enumerate(parts)
        if part is not None
        for name, tensor in part.state().items()
    }


def _of_question(state: Mapping[str, Tensor], i: int) -> dict[str, Tensor]:
    prefix = f"{i}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _joined(parts: Sequence[Inner | None], widths: Sequence[int]) -> Inner | None:
    """Predictions inside the training documents, NaN where a question has none of one."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    documents = np.unique(np.concatenate([part.documents for part in known]))
    columns = []
    for part, width in zip(parts, widths, strict=True):
        own = np.full((len(documents), width), np.nan)
        if part is not None:
            own[np.searchsorted(documents, part.documents)] = part.probabilities
        columns.append(own)
    return Inner(documents, np.concatenate(columns, axis=1))
