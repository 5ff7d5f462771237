"""Options without effect are told, those with one are not."""

from hilbert.pipeline.idle_options import idle_options
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from support.project import Project


def test_options_of_what_is_not_asked_for() -> None:
    cut = SegmentConfig(method="turns", vad_threshold=0.7, min_speech_s=1.0)
    heard = TranscribeConfig(language="de", vad=False, when="all")
    assert idle_options(cut, heard) == (
        "--vad-threshold, --min-speech-s says how speech is found; --segment turns does not look"
        " for it",
        "--language, --no-vad, --transcribe-when says how --transcribe does; without that it"
        " changes nothing",
    )


def test_those_that_have_an_effect() -> None:
    cut = SegmentConfig(vad_threshold=0.7)
    assert idle_options(cut, TranscribeConfig(model="whisper", language="de", beam_size=1)) == ()
    assert idle_options(SegmentConfig(window_s=5.0), TranscribeConfig()) == ()


def test_the_command_says_so_each_time(project: Project) -> None:
    for _ in range(2):  # the second finds all up to date
        report = project.extract("--vad-threshold", "0.7", "--segment", "windows")
        assert sum("--vad-threshold" in line for line in report["warnings"]) == 1
