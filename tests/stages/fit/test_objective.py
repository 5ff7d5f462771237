"""Which terms a batch has, and what they are made of."""

import pytest
import torch

from hilbert.stages.fit.cka import cka_loss
from hilbert.stages.fit.config import ObjectiveConfig
from hilbert.stages.fit.losses import candidates, info_nce, similarities
from hilbert.stages.fit.model import Embeddings
from hilbert.stages.fit.objective import make_objective
from hilbert.stages.fit.targets import Target

GROUPS = torch.arange(20)
LABELS = torch.arange(20) % 2
TWO = Target("y", "classes", ("a", "b"))
SCALE = torch.tensor(5.0).log()
ONES = {"contrast_weight": 1.0, "cka_weight": 1.0, "balance_weight": 1.0}


def embeddings(present: torch.Tensor | None = None, n: int = 20) -> Embeddings:
    torch.manual_seed(0)
    if present is None:
        present = torch.ones(n, 2, dtype=torch.bool)
    audio, text, joint = torch.randn(3, n, 4)
    return Embeddings(audio * present[:, :1], text * present[:, 1:], joint, present)


def terms(config: ObjectiveConfig, given: Embeddings) -> dict[str, torch.Tensor]:
    objective = make_objective(LABELS[:, None], GROUPS, [TWO], config)
    return objective.alignment(given, GROUPS[: len(given.audio)], SCALE)


def contrast(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    everyone = candidates(torch.arange(len(x)), mask_groups=True)
    return info_nce(similarities(x, y, SCALE), everyone)


def test_reciprocal_contrast_aligns_each_modality_with_the_joint_embedding() -> None:
    given = embeddings()
    found = terms(ObjectiveConfig(**ONES), given)  # type: ignore[arg-type]
    expected = (contrast(given.audio, given.joint) + contrast(given.text, given.joint)) / 2
    assert torch.allclose(found["contrast"], expected)
    cka = (cka_loss(given.audio, given.joint) + cka_loss(given.text, given.joint)) / 2
    assert torch.allclose(found["cka"], cka)


def test_direct_contrast_aligns_audio_with_text() -> None:
    given = embeddings()
    found = terms(ObjectiveConfig(contrast="direct", contrast_weight=2.0), given)
    assert torch.allclose(found["contrast"], 2.0 * contrast(given.audio, given.text))


def test_documents_without_the_pair_are_left_out() -> None:
    present = torch.ones(20, 2, dtype=torch.bool)
    present[:3, 0] = False
    given = embeddings(present)
    found = terms(ObjectiveConfig(**ONES), given)  # type: ignore[arg-type]
    own = contrast(given.audio[3:], given.joint[3:])
    expected = (own + contrast(given.text, given.joint)) / 2
    assert torch.allclose(found["contrast"], expected)


@pytest.mark.parametrize("column", [0, 1])
def test_without_one_modality_there_is_nothing_to_align(column: int) -> None:
    present = torch.ones(20, 2, dtype=torch.bool)
    present[:, column] = False
    assert terms(ObjectiveConfig(), embeddings(present)) == {}


def test_balance_is_the_squared_gap_of_the_two_informations() -> None:
    given = embeddings()
    found = terms(ObjectiveConfig(**ONES), given)  # type: ignore[arg-type]
    # the log of the number of documents is the same in both, so the gap is that of the losses
    gap = contrast(given.audio, given.joint) - contrast(given.text, given.joint)
    assert torch.allclose(found["balance"], gap.square())


def test_logit_adjustment_adds_the_log_frequencies() -> None:
    labels = torch.tensor([0, 0, 0, 1, -1])
    three = Target("y", "classes", ("a", "b", "c"))
    config = ObjectiveConfig(logit_adjustment=1.0)
    objective = make_objective(labels[:, None], GROUPS[:5], [three], config)
    expected = torch.tensor([3 / 4, 1 / 4, 1 / 4]).log()  # a class never seen stays finite
    assert torch.allclose(objective.log_prior, expected)
