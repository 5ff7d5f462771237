"""The project: what ``hilbert.toml`` declares once, so that no command need be told again."""

import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hilbert.pipeline.project_errors import describe, in_keys, refuse_unknown
from hilbert.pipeline.session import ExtractOptions
from hilbert.pipeline.speakers import SpeakerChoice, SpeakerRoles
from hilbert.stages.extract.encoders.base import EncoderChoice
from hilbert.stages.extract.encoders.catalogue import find_known
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from hilbert.stages.fit.config import SplitConfig, TargetConfig, TrainConfig
from hilbert.store.errors import HilbertError, ProjectError

PROJECT_FILE = "hilbert.toml"

_HELP = "`hilbert init --dry-run` shows every key with its default"


@dataclass(frozen=True, slots=True)
class ExtractSection:
    """How the corpus is encoded."""

    audio: bool = True
    """Encode recordings."""
    text: bool = True
    """Encode transcripts."""
    commit_every_s: float = 20.0
    """Seconds of work a kill can cost at most."""
    workers: int = 0
    """Processes that transcribe, cut and encode; 0: all is done in the one that was called."""
    dask: str = ""
    """Address of a Dask scheduler whose workers do the same, or local: a cluster made here."""


@dataclass(frozen=True, slots=True)
class FitSection:
    """What a fit uses of the store."""

    encoders: tuple[str, ...] = ()
    """Names of the encoders whose features are used; none means all."""
    speakers: tuple[str, ...] = ()
    """Speakers or roles (participant, interviewer) whose segments are used; none means all."""
    drop_speakers: tuple[str, ...] = ()
    """Speakers or roles whose segments are not used."""
    strict: bool = False
    """Refuse to fit if any document is left out."""
    subgroups: tuple[str, ...] = ()
    """Columns within each of whose values scores are told, too."""
    audit: bool = False
    """Look for shortcuts by which the label could be told; takes two to four times as long."""


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that ``hilbert.toml`` may say; field names are its keys and sections.

    What depends on the call alone (device, the workers of a fit) is a flag only.
    """

    corpus: Path = Path("corpus.csv")
    """Table with one row a document."""
    store: Path = Path("feats.zarr")
    """The feature store that is kept up to date."""
    runs: Path = Path("runs")
    """Folder of the runs; `hilbert run` fits each target into a folder of its name there."""
    targets: tuple[str, ...] = ()
    """Label columns to predict."""
    encoders: tuple[EncoderChoice, ...] = ()
    """Frozen models; a modality without one uses its default, whisper or minilm."""
    extract: ExtractSection = field(default_factory=ExtractSection)
    """How the corpus is encoded."""
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    """How recordings and transcripts are cut."""
    transcribe: TranscribeConfig = field(default_factory=TranscribeConfig)
    """How recordings get a transcript where there is none."""
    splits: SplitConfig = field(default_factory=SplitConfig)
    """How documents are split for evaluation."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How HILBERT is trained."""
    fit: FitSection = field(default_factory=FitSection)
    """What a fit uses of the store."""
    speakers: SpeakerRoles = field(default_factory=SpeakerRoles)
    """Names that the speakers of each role have in the transcripts."""
    kinds: tuple[TargetConfig, ...] = ()
    """What label columns hold that are no unordered classes, by column, target_kind and classes."""

    def __post_init__(self) -> None:
        for name in ("corpus", "store", "runs"):
            if getattr(self, name) == Path():
                raise ProjectError(f"{name} must not be empty")
        if twice := {name for name in self.targets if self.targets.count(name) > 1}:
            raise ProjectError(f"targets names {min(twice)!r} twice; drop one")
        columns = [config.column for config in self.kinds]
        if twice := {name for name in columns if columns.count(name) > 1}:
            raise ProjectError(f"kinds tells of {min(twice)!r} twice; drop one")
        if "" in columns:
            raise ProjectError("kinds.column must not be empty; name a column")

    def extract_options(self) -> ExtractOptions:
        return ExtractOptions(
            encoders=self.encoders,
            audio=self.extract.audio,
            text=self.extract.text,
            segments=self.segments,
            transcribe=self.transcribe,
            commit_every_s=self.extract.commit_every_s,
            workers=self.extract.workers,
            dask=self.extract.dask,
        )

    def speaker_choice(self) -> SpeakerChoice:
        """Whose segments a fit uses."""
        return SpeakerChoice(self.fit.speakers, self.fit.drop_speakers, self.speakers)


def read_project(path: Path) -> Project:
    """The project that a file declares, its paths resolved against the file's folder.

    Raises
    ------
    ProjectError
        If the file is not TOML, or holds an unknown key, a wrong type or a value out of range;
        names the key, and the nearest right one.
    """
    values = _parse(path)
    try:
        refuse_unknown(Project, values)
        return _resolved(_validated(values), path.parent)
    except HilbertError as error:
        reason = in_keys(Project, str(error)).rstrip(".")
        help = "" if reason.endswith("?") else f"; {_HELP}"
        raise ProjectError(f"{path.name}: {reason}{help}") from None


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path.name} is not UTF-8 (byte {error.start}); save it so") from None
    except IsADirectoryError:
        raise ProjectError(f"{path.name} is a folder; move it, or name a --project file") from None
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{path.name} is not TOML: {error}; {_HELP}") from None


def _validated(values: dict[str, Any]) -> Project:
    from pydantic import TypeAdapter, ValidationError  # only where there is a file to check

    try:
        # by way of JSON, because strict Python takes no list for a tuple, no text for a path
        project = TypeAdapter(Project).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise ProjectError(describe(error.errors()[0])) from None
    project.extract_options()  # checks what only the options know
    project.speaker_choice()
    return project


def _resolved(project: Project, root: Path) -> Project:
    return replace(
        project,
        corpus=root / project.corpus.expanduser(),
        store=root / project.store.expanduser(),
        runs=root / project.runs.expanduser(),
        encoders=tuple(_located(choice, root) for choice in project.encoders),
        transcribe=_with_paths(project.transcribe, root),
    )


def _with_paths(config: TranscribeConfig, root: Path) -> TranscribeConfig:
    """The options with paths below `root`: of the transcripts, and of a recogniser's folder."""
    folder, model = config.transcripts_dir, config.model
    return replace(
        config,
        transcripts_dir=None if folder is None else root / folder.expanduser(),
        model=str(root / model) if model and (root / model).is_dir() else model,
    )


def _located(choice: EncoderChoice, root: Path) -> EncoderChoice:
    """The encoder, with the path of its folder if its name is one below `root`."""
    folder = root / choice.name
    is_folder = bool(choice.name) and not find_known(choice.name) and folder.is_dir()
    return replace(choice, name=str(folder)) if is_folder else choice
