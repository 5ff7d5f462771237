"""Encoders that do not know a document's language: which, for how many documents."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hilbert.pipeline.corpus import Corpus
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel, find_known
from hilbert.stages.extract.language_codes import language_code
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
