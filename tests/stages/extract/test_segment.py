"""Segments: nothing lost, nobody mixed, nothing kept that the corpus leaves out."""

import time
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.recordings.audio import probe
from hilbert.stages.extract.segment import require_within, segment_document
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.sentences import count_words, split_text
from hilbert.stages.extract.transcripts.transcript import read_transcript
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.types import Document, Segment, Span, Turn

DOCUMENT = Document("a")
CONFIG = SegmentConfig()


def audio_of(segments: tuple[Segment, ...]) -> list[tuple[float, float, str | None]]:
    return [
        (segment.start_s, segment.end_s, segment.speaker)  # type: ignore[misc]
        for segment in segments
        if segment.modality == "audio"
    ]


def text_of(segments: tuple[Segment, ...]) -> list[tuple[str, str | None]]:
    return [
        (segment.text, segment.speaker)
        for segment in segments
        if segment.modality == "text" and segment.text is not None
    ]


def words_of(texts: list[str]) -> list[str]:
    return " ".join(texts).split()


words = st.sampled_from(["a", "B.", "c,", "Dr.", "E?", "f!", "3.5", "né", "…", "好。", "“G”", "I."])
texts = st.lists(words, max_size=25).map(" ".join)
speakers = st.sampled_from([None, "A", "B"])
untimed = st.builds(Turn, text=texts, speaker=speakers)
configs = st.builds(
    SegmentConfig,
    window_s=st.floats(0.1, 30),
    max_s=st.floats(2, 30),
    min_s=st.floats(0, 2),
    max_gap_s=st.floats(0, 5),
    max_words=st.integers(1, 20),
)


@st.composite
def timed(draw: st.DrawFn) -> Turn:
    start_s = draw(st.floats(0, 100))
    length_s = draw(st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 100)))
    text = draw(texts.filter(bool))  # without any text, it is as if there were no transcript
    return Turn(text, draw(speakers), start_s, start_s + length_s)


class TestTimed:
    def test_one_segment_a_sentence(self) -> None:
        turns = [Turn("Hello there.", "A", 1.0, 4.0), Turn("Hi.", "A", 4.5, 7.0)]
        assert segment_document(turns, 10.0, CONFIG, document=DOCUMENT) == (
            Segment("audio", "A", 1.0, 4.0),
            Segment("audio", "A", 4.5, 7.0),
            Segment("text", "A", 1.0, 4.0, "Hello there.", 2),
            Segment("text", "A", 4.5, 7.0, "Hi.", 1),
        )

    def test_nobody_is_heard_where_times_are_shares_of_several(self) -> None:
        turns = [
            Turn("Known.", "A", 1.0, 2.0),
            Turn("Guessed.", "A", 2.0, 3.0, is_shared=True),
            Turn("Guessed, too.", "B", 3.0, 5.0, is_shared=True),
            Turn("Known again.", "B", 5.0, 6.0),
        ]
        segments = segment_document(turns, 10.0, CONFIG, document=Document("a", speaker="C"))
        assert audio_of(segments) == [
            (1.0, 2.0, "A"),
            (2.0, 3.0, None),
            (3.0, 5.0, None),
            (5.0, 6.0, "B"),
        ]
        assert [speaker for _, speaker in text_of(segments)] == ["A", "A", "B", "B"]

    def test_long_turn_is_split_into_equal_pieces(self) -> None:
        segments = segment_document([Turn("Well.", "A", 5.0, 75.0)], 80, CONFIG, document=DOCUMENT)
        starts = [5.0, 5 + 70 / 3, 5 + 140 / 3, 75.0]
        assert [bounds[:2] for bounds in audio_of(segments)] == [
            pytest.approx(pair) for pair in pairwise(starts)
        ]
        assert text_of(segments) == [("Well.", "A")]

    def test_rounding_makes_no_second_piece(self) -> None:
        turn = Turn("Well.", "A", 0.1, 0.1 + 30.0000000001)
        segments = segment_document([turn], 80, CONFIG, document=DOCUMENT)
        assert len(audio_of(segments)) == 1

    def test_short_neighbours_of_one_speaker_are_merged(self) -> None:
        turns = [
            Turn("one", "A", 0.0, 1.0),
            Turn("two", "A", 1.5, 2.0),
            Turn("three", "B", 2.0, 3.0),
            Turn("four", "A", 3.0, 4.0),
            Turn("five", "A", 5.5, 6.0),  # after a longer pause
            Turn("six", "A", 6.0, 11.0),
        ]
        segments = segment_document(turns, 20.0, CONFIG, document=DOCUMENT)
        expected = [(0.0, 2.0, "A"), (2.0, 3.0, "B"), (3.0, 4.0, "A"), (5.5, 11.0, "A")]
        assert audio_of(segments) == expected
        assert text_of(segments) == [
            ("one two", "A"),
            ("three", "B"),
            ("four", "A"),
            ("five six", "A"),
        ]

    def test_merging_stops_at_max_s(self) -> None:
        turns = [Turn("one", "A", 0.0, 29.0), Turn("two", "A", 29.0, 30.5)]
        segments = segment_document(turns, 60.0, CONFIG, document=DOCUMENT)
        assert audio_of(segments) == [(0.0, 29.0, "A"), (29.0, 30.5, "A")]

    def test_long_text_is_split_at_sentences_with_shares_of_time(self) -> None:
        turn = Turn("One two three. Four. Five six seven eight.", "A", 10.0, 26.0)
        config = SegmentConfig(max_words=4)
        segments = segment_document([turn], 60.0, config, document=DOCUMENT)
        assert segments[1:] == (
            Segment("text", "A", 10.0, 18.0, "One two three. Four.", 4),
            Segment("text", "A", 18.0, 26.0, "Five six seven eight.", 4),
        )

    def test_clipped_to_the_audio(self) -> None:
        turns = [
            Turn("in", "A", 1.0, 1.0),
            Turn("over", "B", 8.0, 12.0),
            Turn("out", "A", 12.0, 14.0),
        ]
        segments = segment_document(turns, 10.0, CONFIG, document=DOCUMENT)
        assert audio_of(segments) == [(8.0, 10.0, "B")]
        assert [text for text, _ in text_of(segments)] == ["in", "over", "out"]

    @pytest.mark.parametrize("offset", [0.0, -100.0])
    def test_outside_the_audio(self, offset: float) -> None:
        document = Document("a", transcript_offset_s=offset)
        turns = [Turn("secret", "A", 60.0, 70.0)]
        with pytest.raises(DocumentError, match="times lie outside the audio") as error:
            segment_document(turns, 60.0, CONFIG, document=document)
        assert "secret" not in str(error.value)

    def test_no_durations(self) -> None:
        with pytest.raises(DocumentError, match=r"no turn .* spans 0\.02 s"):
            segment_document([Turn("a", None, 5.0, 5.0)], 60.0, CONFIG, document=DOCUMENT)

    def test_offset_and_speaker(self) -> None:
        document = Document("a", transcript_offset_s=2.5, speaker="P")
        turns = [Turn("one", None, 0.0, 5.0), Turn("two", "D", 5.0, 10.0)]
        segments = segment_document(turns, 60.0, CONFIG, document=document)
        assert audio_of(segments) == [(2.5, 7.5, "P"), (7.5, 12.5, "D")]

    def test_the_column_speaker_is_not_given_to_what_may_name_another(self) -> None:
        document = Document("a", speaker="P")
        turns = [
            Turn("d: one", None, 0.0, 5.0),
            Turn("two", "D", 5.0, 10.0),
            Turn("so", None, 10, 15),
        ]
        segments = segment_document(turns, 60.0, CONFIG, document=document)
        assert audio_of(segments) == [(0.0, 5.0, None), (5.0, 10.0, "D"), (10.0, 15.0, None)]
        assert text_of(segments) == [("d: one", None), ("two", "D"), ("so", None)]
        turns = [Turn("note: one", None, 0.0, 5.0)]
        segments = segment_document(turns, 60.0, CONFIG, document=document)
        assert text_of(segments) == [("note: one", "P")]

    def test_only_what_the_columns_keep(self) -> None:
        document = Document("a", start_s=2.0, end_s=20.0, exclude=(Span(5, 6), Span(5.5, 7)))
        turns = [Turn("0 1 2 3 4 5 6 7 8 9", "A", 0.0, 10.0), Turn("out", "A", 20.5, 21.0)]
        segments = segment_document(turns, 60.0, CONFIG, document=document)
        assert audio_of(segments) == [(2.0, 5.0, "A"), (7.0, 10.0, "A")]
        assert text_of(segments) == [("2 3 4", "A"), ("7 8 9", "A")]

    def test_merging_never_reaches_over_an_exclusion(self) -> None:
        document = Document("a", exclude=(Span(1.0, 1.5),))
        turns = [Turn("one two", "A", 0.0, 2.5)]
        segments = segment_document(turns, 60.0, CONFIG, document=document)
        assert audio_of(segments) == [(0.0, 1.0, "A"), (1.5, 2.5, "A")]

    @pytest.mark.parametrize("duration_s", [None, 60.0])
    def test_columns_leave_nothing(self, duration_s: float | None) -> None:
        document = Document("a", start_s=30.0)
        with pytest.raises(DocumentError, match="leave nothing of its transcript"):
            segment_document([Turn("one", "A", 0.0, 5.0)], duration_s, CONFIG, document=document)

    @given(st.lists(timed(), min_size=1), configs, st.one_of(st.none(), st.floats(0.02, 120)))
    def test_invariants(
        self, turns: list[Turn], config: SegmentConfig, duration_s: float | None
    ) -> None:
        try:
            segments = segment_document(turns, duration_s, config, document=DOCUMENT)
        except DocumentError:
            return
        ordered = sorted(turns, key=lambda turn: turn.start_s or 0)
        assert words_of([text for text, _ in text_of(segments)]) == words_of(
            [turn.text for turn in ordered]
        )
        assert all(segment.n_words <= config.max_words for segment in segments)
        audio = audio_of(segments)
        assert audio == sorted(audio, key=lambda bounds: bounds[:2])
        for start_s, end_s, speaker in audio:
            assert 0 <= start_s < end_s <= (duration_s or 0)
            assert 0.02 - 1e-9 <= end_s - start_s <= config.max_s + 1e-4
            assert any(turn.speaker == speaker for turn in ordered)

    @given(
        st.lists(timed(), min_size=1),
        st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)).map(lambda p: Span(p[0], sum(p)))),
    )
    def test_nothing_excluded_is_kept(self, turns: list[Turn], exclude: list[Span]) -> None:
        document = Document("a", exclude=tuple(exclude), start_s=3.0, end_s=90.0)
        try:
            segments = segment_document(turns, 95.0, CONFIG, document=document)
        except DocumentError:
            return
        for start_s, end_s, _ in audio_of(segments):
            assert start_s >= 3.0
            assert end_s <= 90.0
            for span in exclude:
                assert min(end_s, span.end_s) - max(start_s, span.start_s) <= 1e-9


class TestUntimed:
    def test_windows_are_equal(self) -> None:
        segments = segment_document(None, 25.0, CONFIG, document=DOCUMENT)
        bounds = [0.0, 25 / 3, 50 / 3, 25.0]
        assert [window[:2] for window in audio_of(segments)] == [
            pytest.approx(pair) for pair in pairwise(bounds)
        ]

    @pytest.mark.parametrize("duration_s", [0.05, 2.0, 10.0])
    def test_short_audio_is_one_window(self, duration_s: float) -> None:
        segments = segment_document(None, duration_s, CONFIG, document=DOCUMENT)
        assert segments == (Segment("audio", None, 0.0, duration_s),)

    def test_too_short(self) -> None:
        with pytest.raises(DocumentError, match=r"lasts 0\.010 s"):
            segment_document(None, 0.01, CONFIG, document=DOCUMENT)

    def test_each_modality_has_its_own_count(self) -> None:
        turns = [Turn("One.", "D"), Turn("Two.", "P"), Turn("Three.", "P"), Turn("Four.", "D")]
        segments = segment_document(turns, 15.0, CONFIG, document=DOCUMENT)
        assert audio_of(segments) == [(0.0, 7.5, None), (7.5, 15.0, None)]
        assert text_of(segments) == [("One.", "D"), ("Two. Three.", "P"), ("Four.", "D")]
        assert all(segment.start_s is None for segment in segments[2:])

    def test_partly_timed_is_untimed(self) -> None:
        turns = [Turn("One.", "D", 0.0, 5.0), Turn("Two.", "P")]
        segments = segment_document(turns, 10.0, CONFIG, document=DOCUMENT)
        assert segments[0] == Segment("audio", None, 0.0, 10.0)
        assert segments[1] == Segment("text", "D", text="One.", n_words=1)

    @pytest.mark.parametrize("turns", [None, [Turn("One.")], [Turn("One.", "P")]])
    def test_windows_of_a_monologue_have_its_speaker(self, turns: list[Turn] | None) -> None:
        document = Document("a", speaker="P")
        assert audio_of(segment_document(turns, 5.0, CONFIG, document=document)) == [(0, 5, "P")]

    def test_only_what_the_columns_keep(self) -> None:
        document = Document("a", start_s=5.0, end_s=40.0, exclude=(Span(15, 20),))
        segments = segment_document(None, 30.0, CONFIG, document=document)
        assert audio_of(segments) == [(5, 15, None), (20, 30, None)]
        with pytest.raises(DocumentError, match="leave nothing of its audio"):
            segment_document(None, 4.0, CONFIG, document=document)

    @pytest.mark.parametrize("turns", [None, [], [Turn(" ")]])
    def test_nothing_at_all(self, turns: list[Turn] | None) -> None:
        with pytest.raises(DocumentError, match="neither audio nor"):
            segment_document(turns, None, CONFIG, document=DOCUMENT)

    @given(st.lists(untimed, min_size=1), configs)
    def test_words_are_kept_in_order_and_never_cross_speakers(
        self, turns: list[Turn], config: SegmentConfig
    ) -> None:
        segments = segment_document(turns, 10.0, config, document=DOCUMENT)
        got = [(word, speaker) for text, speaker in text_of(segments) for word in text.split()]
        assert got == [(word, turn.speaker) for turn in turns for word in turn.text.split()]
        assert all(segment.n_words <= config.max_words for segment in segments)

    @given(st.floats(0.02, 2_000), st.floats(0.5, 30))
    def test_windows_cover_the_audio(self, duration_s: float, window_s: float) -> None:
        config = SegmentConfig(window_s=window_s)
        windows = audio_of(segment_document(None, duration_s, config, document=DOCUMENT))
        assert (windows[0][0], windows[-1][1]) == (0.0, duration_s)
        assert all(before[1] == after[0] for before, after in pairwise(windows))
        lengths = [end_s - start_s for start_s, end_s, _ in windows]
        assert max(lengths) <= window_s * (1 + 1e-5)
        assert max(lengths) == pytest.approx(min(lengths), rel=1e-5)


TIMED = [Turn("One.", "D", 0.0, 5.0), Turn("Two.", "P", 7.0, 12.0)]


class TestMethods:
    def test_turns_need_times(self) -> None:
        config = SegmentConfig(method="turns")
        assert audio_of(segment_document(TIMED, 20, config, document=DOCUMENT)) == [
            (0, 5, "D"),
            (7, 12, "P"),
        ]
        for turns, what in (
            (None, "it has no transcript"),
            ([*TIMED, Turn("secret")], "1 of its 3 turns have none"),
        ):
            with pytest.raises(DocumentError, match=f"--segment turns .*{what}") as error:
                segment_document(turns, 20, config, document=DOCUMENT)
            assert "secret" not in str(error.value)

    def test_windows_whatever_the_times(self) -> None:
        config = SegmentConfig(method="windows")
        document = Document("a", exclude=(Span(4, 8),))
        segments = segment_document(TIMED, 20, config, document=document)
        bounds = [(0, 4, None), (8, 14, None), (14, 20, None)]
        assert audio_of(segments) == bounds
        by_turns = segment_document(TIMED, 20, CONFIG, document=document)
        assert [s for s in segments if s.modality == "text"] == [
            s for s in by_turns if s.modality == "text"
        ]

    @pytest.mark.parametrize("turns", [None, [Turn("One.", "D"), Turn("Two.", "P")], TIMED])
    def test_speech(self, turns: list[Turn] | None) -> None:
        config = SegmentConfig(method="vad", min_s=2, max_gap_s=1, max_s=10)
        speech = [Span(1, 2), Span(2.5, 4), Span(8, 11), Span(12.5, 14), Span(20, 35)]
        segments = segment_document(turns, 40, config, document=DOCUMENT, speech=speech)
        expected = [(1, 4), (8, 11), (12.5, 14), (20, 27.5), (27.5, 35)]
        assert audio_of(segments) == [(start, end, None) for start, end in expected]
        assert len(text_of(segments)) == (0 if turns is None else 2)

    @pytest.mark.parametrize("turns", [None, [Turn("One.", "D"), Turn("Two.", "P")]])
    def test_speech_where_there_are_no_times(self, turns: list[Turn] | None) -> None:
        speech = [Span(1, 4), Span(8, 11)]
        by_itself, by_speech = (
            segment_document(turns, 40, config, document=DOCUMENT, speech=speech)
            for config in (CONFIG, SegmentConfig(method="vad"))
        )
        assert by_itself == by_speech
        assert audio_of(by_itself) == [(1, 4, None), (8, 11, None)]

    def test_speech_never_reaches_over_an_exclusion(self) -> None:
        config = SegmentConfig(method="vad")
        document = Document("a", exclude=(Span(2, 2.1),), speaker="P")
        speech = [Span(1, 2), Span(2.1, 3)]
        segments = segment_document(None, 10, config, document=document, speech=speech)
        assert audio_of(segments) == [(1, 2, "P"), (2.1, 3, "P")]

    def test_nothing_is_kept(self) -> None:
        for method in ("windows", "vad"):
            config = SegmentConfig(method=method)  # type: ignore[arg-type]
            with pytest.raises(DocumentError, match="leave nothing of its audio"):
                segment_document(None, 10, config, document=Document("a", start_s=11))


class TestSentences:
    @pytest.mark.parametrize(
        "marked",
        [
            "He came.| She left!| Why?| Well…",
            "Dr. Smith paid 3.50 at 10 a.m. today.| Fine.",
            "J. S. Bach, e.g. Fugues.| So did I.| Yes.",
            "Well... maybe.| No.| Not now.",
            "“Really?” she said.| (Yes.)| Good.",
            "Am 3. Mai ging er z.B. Wandern.| Gut.",
            "¿Cómo está?| ¡Bien!| Sí.",
            "no capitals.| none at all?| none.",
            "你好吗？|我很好。|再见",
            "هل أنت بخير؟| نعم۔| شكرا",
            "नमस्ते।| आप कैसे हैं?",
        ],
    )
    def test_ends(self, marked: str) -> None:
        rest = marked.replace("|", "")
        for sentence in (part.strip() for part in marked.split("|")):
            assert split_text(rest, count_words(sentence))[0] == sentence
            rest = rest[len(sentence) :].strip()

    def test_long_sentence_is_cut_at_words_evenly(self) -> None:
        assert split_text("Short one. A b c d e f g.", 4) == ["Short one.", "A b c", "d e f g."]

    def test_characters_count_where_no_blanks_are_written(self) -> None:
        assert count_words("你好，world ok") == 4
        assert split_text("你好你好。再见再见", 3) == ["你好", "你好。", "再见", "再见"]

    @pytest.mark.parametrize("mark", [".", "!", "…", "。", '"', ".!", '."', '。"', "a.", "J. "])
    def test_hostile_words_take_linear_time(self, mark: str) -> None:
        text = mark * (200_000 // len(mark))
        start = time.process_time()
        split_text(f"{text}x Well. {text} Well.", 5)
        assert time.process_time() - start < 1  # it took minutes

    @given(st.text(max_size=200), st.integers(1, 10))
    def test_nothing_is_lost(self, text: str, max_words: int) -> None:
        pieces = split_text(text, max_words)
        assert "".join("".join(pieces).split()) == "".join(text.split())
        assert all(0 < count_words(piece) <= max_words for piece in pieces)


class TestConfig:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"window_s": 0}, "--window-s must lie between 0.1 and 30, not 0"),
            ({"window_s": float("nan")}, "--window-s must lie between 0.1 and 30, not nan"),
            ({"max_s": 31}, "--max-s must lie between 0.1 and 30, not 31"),
            ({"min_s": 31}, "--min-s must lie between 0 and 30, not 31"),
            ({"max_s": 5, "min_s": 6}, r"--min-s \(6\) may not exceed --max-s \(5\); lower it"),
            ({"max_s": 1}, r"--min-s \(2\) may not exceed --max-s \(1\); lower it too"),
            ({"max_gap_s": -1}, "--max-gap-s must lie between 0 and 30, not -1"),
            (
                {"method": "words"},
                "--segment must be one of auto, .* vad, not 'words'",
            ),
            ({"vad_threshold": 0}, "--vad-threshold must lie between 0.01 and 0.99, not 0"),
            ({"min_speech_s": -1}, "--min-speech-s must lie between 0 and 30, not -1"),
            ({"max_words": 0}, "--max-words must lie between 1 and 10000, not 0"),
        ],
    )
    def test_limits(self, options: dict[str, float], message: str) -> None:
        with pytest.raises(HilbertError, match=message):
            SegmentConfig(**options)  # type: ignore[arg-type]

    def test_defaults(self) -> None:
        defaults = {field.name: field.default for field in fields(SegmentConfig)}
        assert defaults == {
            "window_s": 10.0, "max_s": 30.0, "min_s": 2.0, "max_gap_s": 1.0, "max_words": 64,
            "transcript_format": "auto",
            "method": "auto", "vad_threshold": 0.5, "min_speech_s": 0.25, "min_silence_s": 0.3,
            "speech_pad_s": 0.1,
        }  # fmt: skip

    def test_only_what_can_change_the_result_is_in_the_key(self) -> None:
        first = {"window_s": 10.0, "max_s": 30.0, "min_s": 2.0, "max_gap_s": 1.0, "max_words": 64}
        speech = {"min_speech_s": 0.25, "min_silence_s": 0.3, "speech_pad_s": 0.1}
        assert CONFIG.for_key() == {**first, **speech, "vad_threshold": 0.5}
        turns = SegmentConfig(method="turns", vad_threshold=0.7)
        assert turns.for_key() == {**first, "method": "turns"}
        assert SegmentConfig(transcript_format="csv").for_key()["transcript_format"] == "csv"
        by_speech = SegmentConfig(method="vad", vad_threshold=0.7).for_key()
        assert by_speech == {**first, **speech, "method": "vad", "vad_threshold": 0.7}


def test_real_interviews(test_data: Path) -> None:
    folder = test_data / "osce-sample"
    for path in (folder / "transcripts").glob("*.txt"):
        turns = read_transcript(path)
        info = probe(folder / "audio" / f"{path.stem}.opus")
        segments = segment_document(turns, info.duration_s, CONFIG, document=DOCUMENT)
        audio, text = audio_of(segments), text_of(segments)
        assert len(audio) == -(-info.duration_s // 10)
        assert words_of([words for words, _ in text]) == words_of([turn.text for turn in turns])
        assert {speaker for _, speaker in text} == {"D", "P"}


def test_real_sentences(test_data: Path) -> None:
    for path in (test_data / "speechocean762" / "transcripts").glob("*.vtt"):
        turns = read_transcript(path)
        segments = segment_document(turns, 300.0, CONFIG, document=DOCUMENT)
        assert len(audio_of(segments)) == len(text_of(segments)) <= len(turns) == 20


def test_times_of_who_speaks_that_all_lie_outside_the_recording_are_refused() -> None:
    turns = [Turn("", "Ann", 0.0, 4.0), Turn("", "Bob", 4.0, 9.0)]
    require_within(turns, 0.0, 1.0)
    require_within([], 0.0, 1.0)
    for offset_s in (2.0, -9.0):
        with pytest.raises(DocumentError, match="times lie outside the audio"):
            require_within(turns, offset_s, 2.0)
