"""Options of the fit: frozen, validated, and plain enough to be saved as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from hilbert.store.errors import FitError

Pooling = Literal["statistics", "mean"]
Contrast = Literal["reciprocal", "direct"]
Kernel = Literal["linear", "rbf"]
Estimator = Literal["infonce", "gaussian", "club"]
Phases = Literal["joint", "align-then-classify"]
Splits = Literal["repeated", "leave-one-group-out", "column"]
Kind = Literal["classes", "ordinal", "multilabel"]
Options = TypeVar("Options")


@dataclass(frozen=True)
class SplitConfig:
    """How documents are split for evaluation."""

    folds: int = 5
    """Parts of a repeat, each tested once."""
    repeats: int = 5
    """How often the documents are split anew."""
    seed: int = 0
    """Seed of the shuffles."""
    kind: Splits = "repeated"
    """Repeated stratified group folds; each group tested alone; or those of the corpus's column
    split: train and test, or numbers of folds. `folds` and `repeats` are of the first alone."""

    def __post_init__(self) -> None:
        for name, least in (("folds", 2), ("repeats", 1), ("seed", 0)):
            value = getattr(self, name)
            _check(value >= least, name, f"at least {least}", value)
        _check_choice("kind", self.kind, ("repeated", "leave-one-group-out", "column"))


@dataclass(frozen=True)
class TargetConfig:
    """What a column that is to be predicted holds."""

    column: str = ""
    """Its name."""
    target_kind: Kind = "classes"
    """One class a document; one of classes that have an order; or any number of labels,
    separated by ; or |, none where the cell is -."""
    classes: tuple[str, ...] = ()
    """The classes of an ordinal column from the lowest to the highest; numbers need none."""

    def __post_init__(self) -> None:
        _check_choice("target-kind", self.target_kind, ("classes", "ordinal", "multilabel"))
        if self.classes and self.target_kind != "ordinal":
            raise FitError(
                "--classes tells the order of an ordinal target, but the kind is"
                f" {self.target_kind}; make it ordinal, or drop --classes."
            )
        if twice := {name for name in self.classes if self.classes.count(name) > 1}:
            raise FitError(f"--classes names {min(twice)!r} twice; drop one.")


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network."""

    width: int = 128
    """Width of projected segments and of each document embedding."""
    heads: int = 4
    """Heads of the cross-attention; divides `width`."""
    hops: int = 4
    """Attention hops of each pooling (Lin et al. 2017)."""
    pooling: Pooling = "statistics"
    """Mean and deviation under the attention weights, or the mean alone."""
    cross_attention: bool = True
    """Let the segments of each modality attend to those of the other (ablation: not)."""
    peaks: int = 16
    """Detectors of each pooling that report their largest response to any segment, and templates of
    a linear expert on largest responses."""
    time_bias: bool = True
    """Let segments attend by their distance in time, where both times are known."""
    experts: int = 4
    """Experts of the classifier."""
    top_k: int = 0
    """Experts used for a document; 0 mixes all of them."""
    expert_width: int = 64
    """Hidden units of an expert."""
    expert_dropout: float = 0.1
    """Chance that an expert is left out of a training step."""
    dropout: float = 0.5
    """Dropout of pooled statistics and of hidden layers."""
    input_dropout: float = 0.2
    """Dropout of feature dimensions, the same for all segments of a document."""

    def __post_init__(self) -> None:
        for name in ("width", "heads", "hops", "experts", "expert_width"):
            _check(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _check(self.peaks >= 0, "peaks", "at least 0", self.peaks)
        for name in ("expert_dropout", "dropout", "input_dropout"):
            _check(0 <= getattr(self, name) < 1, name, "in [0, 1)", getattr(self, name))
        _check(
            self.width % self.heads == 0, "width", f"a multiple of heads={self.heads}", self.width
        )
        _check(0 <= self.top_k <= self.experts, "top_k", f"in 0..{self.experts}", self.top_k)
        _check_choice("pooling", self.pooling, ("statistics", "mean"))


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is minimised: the weight of each term, 0 leaving it out, and its variant."""

    contrast_weight: float = 0.1
    """Weight of the contrastive alignment."""
    cka_weight: float = 0.1
    """Weight of 1 - CKA between each modality and the joint embedding."""
    balance_weight: float = 0.06
    """Weight of the squared gap between what audio and text tell of the joint embedding."""
    load_weight: float = 0.01
    """Weight of the load balancing of the experts."""
    contrast: Contrast = "reciprocal"
    """Align each modality with the joint embedding, or the two directly (ablation)."""
    cka_kernel: Kernel = "linear"
    """Kernel of the CKA."""
    balance_estimator: Estimator = "infonce"
    """How the balance estimates information: by the critic of the contrastive loss, capped at the
    log of the batch, or by a linear Gaussian model, as information (gaussian) or its upper bound
    (club), both for each dimension of the joint embedding."""
    class_balance: float = 0.99
    """Beta of the effective number of documents of a class; 0 weighs classes equally often."""
    focal_gamma: float = 0.0
    """Focusing of the task loss on documents that are predicted badly; 0 is cross-entropy."""
    logit_adjustment: float = 0.0
    """Share of the log class frequencies added to the logits while training."""

    def __post_init__(self) -> None:
        for name in ("contrast_weight", "cka_weight", "balance_weight", "load_weight",
                     "focal_gamma", "logit_adjustment"):  # fmt: skip
            _check(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        _check(0 <= self.class_balance < 1, "class_balance", "in [0, 1)", self.class_balance)
        _check_choice("contrast", self.contrast, ("reciprocal", "direct"))
        _check_choice("cka_kernel", self.cka_kernel, ("linear", "rbf"))
        _check_choice("balance_estimator", self.balance_estimator, ("infonce", "gaussian", "club"))


@dataclass(frozen=True)
class TrainConfig:
    """How HILBERT is trained."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """Shape of the network."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    """What is minimised."""
    phases: Phases = "joint"
    """All terms at once, or first the alignment and then the classifier alone."""
    epochs: int | None = None
    """Passes of a network over its documents. By default 20; where documents are few as many as
    `min_steps` take, and where they are many as many as 400 steps take, but 5."""
    min_steps: int = 100
    """Steps of a network at least, unless `epochs` is given."""
    align_epochs: int = 20
    """Passes of the alignment phase of `align-then-classify`."""
    batch_size: int = 32
    """Documents of a step, about."""
    lr: float = 1e-3
    """Largest learning rate."""
    weight_decay: float = 10.0
    """Decoupled weight decay of matrices: a step of rate r shrinks them by r times this."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises."""
    gradient_clip: float = 1.0
    """Largest norm of a step's gradient."""
    inner_parts: int = 5
    """Parts of the training groups: each network leaves out the next of them. What it says of that
    part tells how much each expert's word counts, and how sure both may be. 0: no part is left
    out, and the experts are mixed evenly."""
    linear: bool = True
    """Linear experts on pooled statistics beside the networks."""
    seeds_averaged: int | None = None
    """Networks whose probabilities are averaged; by default as many as `inner_parts` (without parts
    3), or 1 of over 1,000 documents."""
    subset_low: float = 0.2
    """Smallest share of a document's segments that a training view sees."""
    modality_dropout: float = 0.1
    """Chance that a document with both modalities is seen without one of them in a step."""
    independent_views: bool = True
    """Draw the segments of the modality and of the joint embedding independently."""
    max_segments: int = 256
    """Segments of one modality that a training view sees, at most."""
    device: str = "cpu"
    """Torch device."""
    threads: int = 1
    """Torch threads of a training; another number may change the last digits."""

    def __post_init__(self) -> None:
        _check(self.epochs is None or self.epochs >= 1, "epochs", "at least 1", self.epochs)
        networks = self.seeds_averaged
        _check(networks is None or networks >= 1, "seeds_averaged", "at least 1", networks)
        for name in ("align_epochs", "min_steps", "max_segments", "threads"):
            _check(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("lr", "gradient_clip"):
            _check(getattr(self, name) > 0, name, "above 0", getattr(self, name))
        for name in ("lr", "weight_decay"):
            _check(math.isfinite(getattr(self, name)), name, "finite", getattr(self, name))
        _check(self.batch_size >= 2, "batch_size", "at least 2", self.batch_size)
        _check(self.weight_decay >= 0, "weight_decay", "at least 0", self.weight_decay)
        _check(0 <= self.warmup < 1, "warmup", "in [0, 1)", self.warmup)
        _check(
            0 <= self.modality_dropout < 1, "modality_dropout", "in [0, 1)", self.modality_dropout
        )
        _check(
            self.inner_parts == 0 or self.inner_parts >= 2,
            "inner_parts",
            "0, or at least 2",
            self.inner_parts,
        )
        _check(0 < self.subset_low <= 1, "subset_low", "in (0, 1]", self.subset_low)
        _check_choice("phases", self.phases, ("joint", "align-then-classify"))


def train_config_from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """`TrainConfig` from what `dataclasses.asdict` made of one, perhaps by way of JSON.

    Raises
    ------
    FitError
        If a name is not an option.
    """
    known = dict(values)
    model = _build(ModelConfig, known.pop("model", {}))
    objective = _build(ObjectiveConfig, known.pop("objective", {}))
    return _build(TrainConfig, {**known, "model": model, "objective": objective})


def _build(kind: type[Options], values: Mapping[str, Any]) -> Options:
    unknown = sorted(set(values) - {f.name for f in fields(kind)})  # type: ignore[arg-type]
    if unknown:
        raise FitError(f"{kind.__name__} has no option {unknown[0]}.")
    return kind(**values)


def _check(ok: bool, name: str, limit: str, value: object) -> None:
    if not ok:
        raise FitError(f"--{name.replace('_', '-')} must be {limit}, not {value}.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    _check(value in choices, name, f"one of {', '.join(choices)}", value)
