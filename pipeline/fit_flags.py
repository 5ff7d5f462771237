"""Flags of every command that evaluates models on folds: what is fitted, how, and where it runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.processors import n_processors
from hilbert.pipeline.project import FitSection, Project
from hilbert.pipeline.speakers import EVERYONE, folded
from hilbert.stages.fit.config import (
    Kind,
    ObjectiveConfig,
    SplitConfig,
    TargetConfig,
    TrainConfig,
)
from hilbert.store.errors import FitError

if TYPE_CHECKING:
    from hilbert.pipeline.fit_plan import FitOptions

KIND = "--target-kind"

_FLAGS: tuple[Callable[..., Any], ...] = (
    option(
        "--store",
        Project,
        "store",
        "The feature store to fit from; nothing else is read.",
        type=common.PATH,
    ),
    click.option(
        "--target",
        "target_names",
        multiple=True,
        metavar="COLUMN",
        help="Label column; needed if there are several. Repeated: one network predicts them all.",
    ),
    click.option(
        KIND,
        "target_kinds",
        multiple=True,
        metavar="[COLUMN=]KIND",
        help="What the target holds: classes (the default), ordinal (classes in order), or"
        " multilabel (any number, separated by ; or |, a lone - for none); may be repeated.",
    ),
    click.option(
        "--classes",
        "target_classes",
        multiple=True,
        metavar="[COLUMN=]A,B,C",
        help="Classes of an ordinal target from the lowest to the highest; numbers need none.",
    ),
    click.option(
        "--encoder",
        "names",
        multiple=True,
        metavar="NAME",
        help="Use the features of this encoder only; may be repeated.",
    ),
    click.option(
        "--speakers",
        multiple=True,
        metavar="NAME|ROLE",
        help="Use the segments of this speaker, or of this role (participant, interviewer) only;"
        " may be repeated.  [default: everyone]",
    ),
    click.option(
        "--drop-speakers",
        multiple=True,
        metavar="NAME|ROLE",
        help="Do not use the segments of this speaker or role; may be repeated.",
    ),
    option(
        "--splits",
        SplitConfig,
        "kind",
        "Repeated stratified group folds, each group tested alone, or the corpus's column split.",
        type=click.Choice(["repeated", "leave-one-group-out", "column"]),
    ),
    option("--folds", SplitConfig, "folds", "Parts of a repeat, each tested once."),
    option("--repeats", SplitConfig, "repeats", "How often the documents are split anew."),
    option("--seed", SplitConfig, "seed", "Seed of splits and training."),
    option(
        "--epochs",
        TrainConfig,
        "epochs",
        "Passes over the documents.  [default: 20, more where they are few, fewer where they are"
        " thousands]",
        type=int,
    ),
    option(
        "--min-steps", TrainConfig, "min_steps", "Steps of a network at least, without --epochs."
    ),
    option("--batch-size", TrainConfig, "batch_size", "Documents of a step."),
    option("--lr", TrainConfig, "lr", "Largest learning rate."),
    option("--weight-decay", TrainConfig, "weight_decay", "Decoupled weight decay."),
    option(
        "--inner-parts",
        TrainConfig,
        "inner_parts",
        "Parts of the training groups; each network leaves one out. 0: none does.",
    ),
    option(
        "--seeds-averaged",
        TrainConfig,
        "seeds_averaged",
        "Networks averaged in every fit.  [default: --inner-parts, or 1 of over 1,000 documents]",
        type=int,
    ),
    option(
        "--modality-dropout",
        TrainConfig,
        "modality_dropout",
        "Chance that a document trains a step without its text, or without its audio.",
    ),
    option(
        "--objective",
        TrainConfig,
        "phases",
        "All terms at once, or first the alignment.",
        type=click.Choice(["joint", "align-then-classify"]),
    ),
    option(
        "--contrast",
        ObjectiveConfig,
        "contrast",
        "Align each modality with the joint embedding, or the two directly.",
        type=click.Choice(["reciprocal", "direct"]),
    ),
    option("--contrast-weight", ObjectiveConfig, "contrast_weight", "Weight of the alignment."),
    option("--cka-weight", ObjectiveConfig, "cka_weight", "Weight of 1 - CKA."),
    option("--balance-weight", ObjectiveConfig, "balance_weight", "Weight of information balance."),
    option(
        "--strict/--no-strict", FitSection, "strict", "Refuse to fit if any document is left out."
    ),
    click.option(
        "--generation",
        type=click.IntRange(1),
        help="Fit from this generation of the store, as it was.  [default: the latest]",
    ),
    common.workers_option,
    common.device_option,
)


def fit_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator that gives a command all of these flags, which `flagged_fit` reads."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def flagged_fit() -> "tuple[Project, FitOptions]":
    """What the flags of this call and the project file say together.

    Raises
    ------
    FitError
        If they contradict each other.
    """
    flags = click.get_current_context().params
    project = _with_flags(common.open_project(), flags["names"])
    if flags["speakers"] or flags["drop_speakers"]:
        project = _with_speakers(project, flags["speakers"], flags["drop_speakers"])
    names = flags["target_names"]
    target = names[0] if names else _only_target(project)
    told = flagged_kinds(names or (target or "",), flags["target_kinds"], flags["target_classes"])
    options = fit_options(project, target, device=flags["device"], workers=flags["workers"])
    kinds = (*told, *(c for c in options.kinds if c.column not in {t.column for t in told}))
    return project, replace(options, further=names[1:], kinds=kinds, generation=flags["generation"])


def flagged_kinds(
    targets: Sequence[str], kinds: Sequence[str], classes: Sequence[str]
) -> tuple[TargetConfig, ...]:
    """What the flags say that the targets hold.

    Parameters
    ----------
    targets : sequence of str
        An empty one stands for the only column that could be meant.
    kinds, classes : sequence of str
        As of ``--target-kind`` and ``--classes``: of one target, or with ``COLUMN=`` before.

    Raises
    ------
    FitError
        If one does not say of which target it is, or of one that is not predicted.
    """
    kind_of = _by_target(KIND, targets, kinds)
    classes_of = _by_target("--classes", targets, classes)
    # an order alone says that there is one
    found = [name for name in targets if name in kind_of or name in classes_of]
    return tuple(
        TargetConfig(
            name,
            cast("Kind", kind_of.get(name, "ordinal")),
            tuple(part.strip() for part in classes_of.get(name, "").split(",") if part.strip()),
        )
        for name in found
    )


def _by_target(flag: str, targets: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Values by the target that stands before their ``=``, or else of the only one."""
    found: dict[str, str] = {}
    for value in values:
        name = next((t for t in targets if t and value.startswith(f"{t}=")), None)
        if name is None and flag == KIND and "=" in value:  # a class may hold one, such as <=3
            column = value.partition("=")[0]
            known = (
                f"--target {column}" if tuple(targets) == ("",) else f"one of {', '.join(targets)}"
            )
            raise FitError(f"{flag} {value} is of no target that is predicted; name {known}")
        if name is None and len(targets) > 1:
            raise FitError(
                f"{flag} {value} does not say of which target; write {flag} {targets[0]}={value}"
            )
        rest = value if name is None else value[len(name) + 1 :]
        name = targets[0] if name is None else name
        if name in found:
            raise FitError(f"{flag} is told twice of {name or 'the target'}; drop one")
        found[name] = rest
    return found


def fit_options(
    project: Project, target: str | None, *, device: str, workers: int | None
) -> "FitOptions":
    """Options of the fit of one target of a project."""
    from hilbert.pipeline.fit_plan import FitOptions

    return FitOptions(
        target=target,
        encoders=project.fit.encoders,
        speakers=project.speaker_choice(),
        splits=project.splits,
        train=replace(project.train, device=device),
        workers=workers or n_processors(),
        strict=project.fit.strict,
        subgroups=tuple(dict.fromkeys(project.fit.subgroups)),
        kinds=project.kinds,
        audit=project.fit.audit,
    )


def _with_flags(project: Project, names: tuple[str, ...]) -> Project:
    objective = common.override(project.train.objective)
    train = replace(project.train, objective=objective)
    return replace(
        project,
        store=common.override(project).store,
        splits=common.override(project.splits),
        train=common.override(train),
        fit=replace(common.override(project.fit), encoders=names or project.fit.encoders),
    )


def _with_speakers(project: Project, keep: tuple[str, ...], drop: tuple[str, ...]) -> Project:
    """The choice of the flags instead of the file's; ``everyone`` undoes the file's."""
    keep = () if [*map(folded, keep)] == [EVERYONE] else keep
    return replace(project, fit=replace(project.fit, speakers=keep, drop_speakers=drop))


def _only_target(project: Project) -> str | None:
    """The target of a project that has one; without any, the store's columns tell."""
    if len(project.targets) > 1:
        raise FitError(
            f"the project has the targets {', '.join(project.targets)}; choose one with"
            f" --target {project.targets[0]}, or fit them all with `{common.in_project('run')}`"
        )
    return project.targets[0] if project.targets else None
