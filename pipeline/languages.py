"""Encoders and recognisers that do not know a document's language, and for how many documents."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hilbert.pipeline.corpus import Corpus
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel, find_known
from hilbert.stages.extract.language_codes import language_code
from hilbert.stages.extract.recogniser_files import knows_english_only
from hilbert.stages.extract.transcribe_config import TranscribeConfig, lacks_words
from hilbert.store.types import Document, EncoderInfo, Modality

_AS_GIVEN = TranscribeConfig()
_ALTERNATIVES: dict[Modality, str] = {"audio": "whisper-base", "text": "multilingual-minilm"}


def language_warnings(
    corpus: Corpus,
    encoders: Iterable[EncoderInfo],
    config: TranscribeConfig = _AS_GIVEN,
    detected: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """One sentence for each encoder that meets languages it was not trained on.

    Encoders that the catalogue does not know are not counted, nor documents of which nothing
    tells the language.

    Parameters
    ----------
    corpus : Corpus
    encoders : iterable of EncoderInfo
    config : TranscribeConfig
        Its language is that of documents whose own is not told; it says which get a text.
    detected : mapping of str to str, optional
        Languages of documents that were transcribed; given it, of the documents whose language
        nobody told, and of no others.
    """
    if detected is None:
        spoken = {d.id: d.language or config.language for d in corpus.documents}
    else:
        spoken = {d.id: detected.get(d.id) for d in corpus.documents if not d.language}
    codes = {name: language_code(language) for name, language in spoken.items() if language}
    warnings = []
    for info in encoders:
        model = find_known(str(info.options.get("model", "")))
        heard = [codes[d.id] for d in corpus.documents
                 if d.id in codes and _has(d, info.modality, config)]  # fmt: skip
        if model and (warning := _warning(heard, info, model, detected is not None)):
            warnings.append(warning)
    return tuple(warnings)


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


def _warning(
    spoken: Sequence[str], info: EncoderInfo, model: KnownModel, is_detected: bool
) -> str | None:
    foreign = Counter(code for code in spoken if not model.speaks(code))
    if not foreign:
        return None
    n = foreign.total()
    shares = ", ".join(f"{code} {count}" for code, count in foreign.most_common(5))
    more = ", …" if len(foreign) > 5 else ""
    another = "another language, as it was heard" if is_detected else "another language"
    return (
        f"encoder {info.name} knows {_spelt(model)} only, and {n}"
        f" {'document is' if n == 1 else 'documents are'} in {another}"
        f" ({shares}{more}); --encoder {_ALTERNATIVES[info.modality]} knows"
        f" {_n_languages(_ALTERNATIVES[info.modality])} languages"
    )


def _has(document: Document, modality: Modality, config: TranscribeConfig) -> bool:
    if modality == "audio":
        return document.audio is not None
    return not lacks_words(document) or config.covers(document)


def _spelt(model: KnownModel) -> str:
    return ", ".join(model.languages) if isinstance(model.languages, tuple) else ""


def _n_languages(name: str) -> int:
    languages = next(m.languages for m in KNOWN_MODELS if name in m.names)
    return languages if isinstance(languages, int) else len(languages)
