"""Variants of a training that each lack one part of the method."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hilbert.stages.fit.config import TrainConfig

_PARTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "no-contrast": {"objective": {"contrast_weight": 0.0}},
    "no-cka": {"objective": {"cka_weight": 0.0}},
    "no-balance": {"objective": {"balance_weight": 0.0}},
    "no-load-balancing": {"objective": {"load_weight": 0.0}},
    "no-alignment": {
        "objective": {"contrast_weight": 0.0, "cka_weight": 0.0, "balance_weight": 0.0}
    },
    "direct-contrast": {"objective": {"contrast": "direct"}},
    "shared-views": {"train": {"independent_views": False}},
    "no-linear-expert": {"train": {"linear": False}},
    "no-peaks": {"model": {"peaks": 0}},
    "no-cross-attention": {"model": {"cross_attention": False}},
    "mean-pooling": {"model": {"pooling": "mean"}},
    "one-expert": {"model": {"experts": 1, "top_k": 0}},
    "no-time-bias": {"model": {"time_bias": False}},
    "align-then-classify": {"train": {"phases": "align-then-classify"}},
}

ABLATIONS = tuple(_PARTS)
"""Names of the variants: the part that is left out, or what stands in its place."""


def ablations(train: TrainConfig) -> dict[str, TrainConfig]:
    """Variants of a training by name, but those that are no different from it."""
    found = {name: _without(train, parts) for name, parts in _PARTS.items()}
    return {name: variant for name, variant in found.items() if variant != train}


def _without(train: TrainConfig, parts: Mapping[str, Mapping[str, Any]]) -> TrainConfig:
    return replace(
        train,
        model=replace(train.model, **parts.get("model", {})),
        objective=replace(train.objective, **parts.get("objective", {})),
        **parts.get("train", {}),
    )
