"""Encoders and recognisers that do not know a document's language, and for how many documents."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hilbert.pipeline.corpus import Corpus
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel, find_known
from hilbert.stages.extract.language_codes import language_code
from hilbert.stages.extract.recogniser_files import knows_english_only
from hilbert.stages.extract.transcribe import TranscribeConfig
from hilbert.store.types import Document, EncoderInfo, Modality

_ALTERNATIVES: dict[Modality, str] = {"audio": "whisper-base", "text": "multilingual-minilm"}


def language_warnings(corpus: Corpus, encoders: Iterable[EncoderInfo]) -> tuple[str, ...]:
    """One sentence for each encoder that meets languages it was not trained on.

    Documents without a `language` are not counted, nor encoders that the catalogue does not
    know.
    """
    found = ((info, find_known(str(info.options.get("model", "")))) for info in encoders)
    warnings = (_warning(corpus.documents, info, model) for info, model in found if model)
    return tuple(warning for warning in warnings if warning)


def recogniser_warnings(corpus: Corpus, config: TranscribeConfig) -> tuple[str, ...]:
    """A sentence where recordings may be heard in a language that they are not in."""
    if config.model is None or config.language or not knows_english_only(config.model):
        return ()
    n = sum(config.covers(document) and not document.language for document in corpus.documents)
    if not n:
        return ()
    who = "1 document is" if n == 1 else f"{n} documents are"
    return (
        f"the recogniser {config.model} knows English only, and {who} in a language that is not"
        " told; --transcribe=whisper-base knows others, --language en says that this is English",
    )


def _warning(documents: Sequence[Document], info: EncoderInfo, model: KnownModel) -> str | None:
    spoken = (language_code(d.language) for d in documents if d.language and _has(d, info.modality))
    foreign = Counter(code for code in spoken if not model.speaks(code))
    if not foreign:
        return None
    n = foreign.total()
    shares = ", ".join(f"{code} {count}" for code, count in foreign.most_common(5))
    more = ", …" if len(foreign) > 5 else ""
    return (
        f"encoder {info.name} knows {_spelt(model)} only, and {n}"
        f" {'document is' if n == 1 else 'documents are'} in another language"
        f" ({shares}{more}); --encoder {_ALTERNATIVES[info.modality]} knows"
        f" {_n_languages(_ALTERNATIVES[info.modality])} languages"
    )


def _has(document: Document, modality: Modality) -> bool:
    if modality == "audio":
        return document.audio is not None
    return document.transcript is not None or document.text is not None


def _spelt(model: KnownModel) -> str:
    return ", ".join(model.languages) if isinstance(model.languages, tuple) else ""


def _n_languages(name: str) -> int:
    languages = next(m.languages for m in KNOWN_MODELS if name in m.names)
    return languages if isinstance(languages, int) else len(languages)
