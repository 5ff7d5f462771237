"""Transcripts of every format through `hilbert extract`, found by content or forced."""

from pathlib import Path

import pytest

import hilbert
from hilbert.pipeline.plan import Cutting, Inputs
from hilbert.pipeline.project import read_project
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.store import keys
from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import FileDigests
from hilbert.store.types import Document
from support.project import SENTENCES, Project, run, stored_features, write_recording

RTTM = "SPEAKER r 1 0 2.5 <NA> <NA> A <NA> <NA>\nSPEAKER r 1 3 2.5 <NA> <NA> B <NA> <NA>\n"
DAIC = "start_time\tstop_time\tspeaker\tvalue\n" + "".join(
    f"{3 * i}\t{3 * i + 2.5}\t{'AB'[i % 2]}\t{text}\n" for i, text in enumerate(SENTENCES)
)
CHAT = "@UTF8\n@Begin\n@Participants:\tPAR Participant\n*PAR:\tHello there . \x150_2500\x15\n@End\n"


def add(project: Project, name: str, text: str, *, audio: str | None = "audio.wav") -> None:
    """A document more, its transcript in a file of that name."""
    (project.folder / name).write_text(text, encoding="utf-8")
    row = {"id": name, "transcript": name, "mood": "low", "group": name}
    project.write_table([*project.rows(), row if audio is None else {**row, "audio": audio}])


def test_the_same_turns_in_another_format_are_not_encoded_again(project: Project) -> None:
    project.extract()
    add(project, "daic.txt", DAIC, audio="both1.wav")
    report = project.extract()
    assert report["segmented"] == 1
    found = stored_features(project.store)
    for name in ("tiny-whisper", "tiny-bert"):
        assert (found["daic.txt", name] == found["both1", name]).all()


def test_speakers_alone_give_audio_features_alone(project: Project) -> None:
    add(project, "who.rttm", RTTM)
    add(project, "alone.rttm", RTTM, audio=None)
    report = project.extract(expect=3)
    assert report["failed"] == [
        {
            "id": "alone.rttm",
            "reason": "the transcript tells who speaks, not what is said, and the document has no"
            " audio; add one of them",
        }
    ]
    found = stored_features(project.store)
    assert found["who.rttm", "tiny-whisper"].shape[0] == 2
    assert ("who.rttm", "tiny-bert") not in found
    segments = hilbert.open_store(project.store).segments("who.rttm")
    assert [segment.speaker for segment in segments] == ["A", "B"]
    result = run("status", str(project.folder / "corpus.jsonl"), "--store", str(project.store))
    assert result.exit_code == 0, result.output


def test_roles_of_chat_are_speakers(project: Project) -> None:
    add(project, "a.cha", CHAT)
    project.extract()
    segments = hilbert.open_store(project.store).segments("a.cha")
    assert {segment.speaker for segment in segments} == {"Participant"}


def test_an_extension_that_decides_the_format_is_part_of_the_key(project: Project) -> None:
    # whole seconds might be prose with numbers: the name decides
    words = "".join(
        f"r 1 {3 * i} 2 {word}\n" for i, word in enumerate(["one", "two", "three", "four"])
    )
    add(project, "a.txt", words)
    project.extract()
    assert segment_times(project, "a.txt")[0] is None
    (project.folder / "a.txt").rename(project.folder / "a.ctm")
    rows = [
        row | {"transcript": "a.ctm"} if row["id"] == "a.txt" else row for row in project.rows()
    ]
    project.write_table(rows)
    assert project.extract()["segmented"] == 1
    assert segment_times(project, "a.txt")[0] == 0.0
    (project.folder / "a.ctm").rename(project.folder / "b.ctm")
    project.write_table([row | {"transcript": row["transcript"].replace("a.ctm", "b.ctm")}
                         if "transcript" in row else row for row in rows])  # fmt: skip
    assert project.extract()["segmented"] == 0


def segment_times(project: Project, document: str) -> list[float | None]:
    """Starts of a document's text segments."""
    segments = hilbert.open_store(project.store).segments(document)
    return [segment.start_s for segment in segments if segment.modality == "text"]


def test_bad_transcripts_of_every_format_cost_one_document_each(project: Project) -> None:
    bad = {
        "a.TextGrid": ('"ooTextFile"\n"TextGrid"\n0\n9\n<exists>\n1\nsecret', "ends amid tier 1"),
        "a.eaf": ("<!DOCTYPE a [<!ENTITY b 'secret'>]><a>&b;</a>", "declares a document type"),
        "a.cha": ("@UTF8\n@Begin\nsecret\n", "line 3 of the transcript begins with none"),
        "a.ctm": ("r 1 0.1 0.2 secret\nr 1 -1.0 1.0 secret", "line 2 of the transcript starts"),
        "a.rttm": (RTTM.replace(" 3 ", " secret "), "line 2 of the transcript has a time"),
        "a.csv": ("begin,finis,words\n1,2,secret,secret", "line 2 of the transcript has 4 cells"),
        "a.tsv": ("Wer\tWas\nA\tsecret", "line 1 of the transcript names no column of texts"),
        "a.json": ('{"segments": [{"text": 1}], "word_segments": []}', "segment 1 of the trans"),
    }
    for name, (text, _) in bad.items():
        add(project, name, text)
    report = project.extract(expect=3)
    reasons = {failure["id"]: failure["reason"] for failure in report["failed"]}
    assert reasons.keys() == bad.keys()
    for name, (_, message) in bad.items():
        assert reasons[name].startswith(message) or message in reasons[name], reasons[name]
        assert "secret" not in reasons[name]
    assert {name for name, _ in stored_features(project.store)} == {
        "both1", "both2", "audio", "text"
    }  # fmt: skip


class TestForcing:
    DOCUMENT = Document("a", transcript="a.txt")
    BEFORE = {  # noqa: RUF012
        "options": {
            "window_s": 10.0, "max_s": 30.0, "min_s": 2.0, "max_gap_s": 1.0, "max_words": 64,
            "method": "turns",
        },
        "start": None, "end": None, "exclude": (), "transcript_offset": 0.0, "speaker": None,
        "language": None, "version": keys.SEGMENT_VERSION,
    }  # fmt: skip

    def key(self, config: SegmentConfig) -> str:
        return Cutting(config, FileDigests()).work(self.DOCUMENT, Inputs(None, "t")).segment_key

    def test_keys_made_before_the_option_stay(self) -> None:
        before = keys.segment_key(None, "t", keys.digest("cut", self.BEFORE))
        assert self.key(SegmentConfig(method="turns")) == before
        assert self.key(SegmentConfig(method="turns", transcript_format="auto")) == before

    def test_a_forced_format_is_part_of_the_key(self) -> None:
        forced = [self.key(SegmentConfig(transcript_format=name)) for name in ("plain", "csv")]
        assert len({*forced, self.key(SegmentConfig())}) == 3

    def test_by_a_flag(self, project: Project) -> None:
        project.write_table([])
        write_recording(project.folder / "one.wav", 12.0, seed=1)
        add(project, "daic.txt", DAIC, audio="one.wav")
        assert project.extract()["segmented"] == 1
        assert project.extract("--transcript-format", "auto")["segmented"] == 0
        assert project.extract("--transcript-format", "csv")["segmented"] == 1
        assert project.extract("--transcript-format", "plain")["segmented"] == 1
        segments = hilbert.open_store(project.store).segments("daic.txt")
        assert {segment.speaker for segment in segments} == {None}
        report = project.extract("--transcript-format", "eaf", expect=3)
        assert "line 1 of the transcript is not well-formed XML" in report["failed"][0]["reason"]

    def test_by_the_project(self, tmp_path: Path) -> None:
        path = tmp_path / "hilbert.toml"
        path.write_text('[segments]\ntranscript_format = "textgrid"\n')
        assert read_project(path).segments.transcript_format == "textgrid"
        path.write_text('[segments]\ntranscript_format = "praat"\n')
        with pytest.raises(HilbertError, match=r"segments\.transcript_format must be 'auto'"):
            read_project(path)

    def test_names_are_checked(self) -> None:
        with pytest.raises(HilbertError, match="--transcript-format must be one of auto, webvtt"):
            SegmentConfig(transcript_format="praat")  # type: ignore[arg-type]
        result = run("extract", "--transcript-format", "praat")
        assert result.exit_code == 2


def test_tables_of_turns_are_not_taken_for_the_corpus(project: Project) -> None:
    from hilbert.pipeline.guess_project import find_corpus

    folder = project.folder
    (folder / "corpus.jsonl").rename(folder / "study.jsonl")
    (folder / "p1.tsv").write_text(DAIC)
    (folder / "p2.csv").write_text("start,end,speaker,text\n0,1,A,hi\n")
    assert find_corpus(folder).name == "study.jsonl"


def test_documents_share_a_file_of_many_recordings(project: Project) -> None:
    """Each has its own part of it, though nothing else tells the two documents apart."""
    table = project.folder / "all.ctm"
    table.write_text("a 1 0.0 0.5 hello\nB 1 0.0 0.5 good\nB 1 0.5 0.5 evening\n")
    rows = [{"id": name, "transcript": "all.ctm"} for name in ("a", "b", "c")]
    project.write_table(rows)
    report = project.extract(expect=3)
    (failed,) = report["failed"]
    assert failed["id"] == "c"
    assert "2 recordings (a, B), and none is called c" in failed["reason"]
    store = hilbert.open_store(project.store)
    assert [[s.n_words for s in store.segments(name)] for name in ("a", "b")] == [[1], [2]]
    assert project.extract(expect=3)["segmented"] == 0
