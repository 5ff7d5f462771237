"""Captions that roll: the same line in several cues. More of cues is in test_transcript.py."""

from hilbert.stages.extract.transcripts.cues import parse_cues

ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.320 --> 00:00:02.510 align:start position:0%

well<00:00:00.800><c> how</c><00:00:01.200><c> are</c>

00:00:02.510 --> 00:00:02.520 align:start position:0%
well how are

00:00:02.520 --> 00:00:05.000 align:start position:0%
well how are
you<00:00:03.000><c> today</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
you today

00:00:05.010 --> 00:00:08.000 align:start position:0%
you today
fine<00:00:06.000><c> thanks</c>
"""


def test_captions_that_roll_are_read_once() -> None:
    found = parse_cues(ROLLING)
    assert " ".join(turn.text for turn in found) == "well how are you today fine thanks"
    assert [turn.start_s for turn in found] == [0.32, 2.52, 5.01]


def test_what_is_said_twice_is_read_twice() -> None:
    said = ["no"] * 5
    cues = [f"00:0{i}.000 --> 00:0{i}.900\n{text}" for i, text in enumerate(said)]
    assert [turn.text for turn in parse_cues("\n\n".join(["WEBVTT", *cues]))] == said
