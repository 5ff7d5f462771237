"""Tables of turns: the columns by what they are called, each row once."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.tables.table import parse_table
from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

HEADER = "start_time\tstop_time\tspeaker\tvalue\n"
EXPECTED = (Turn("hi there", "Ellie", 0.5, 2.0), Turn("good", "Participant", 2.5, 3.25))


def turns(text: str, name: str = "") -> tuple[Turn, ...]:
    return parse_transcript(text.encode(), name=name)


def test_daic_woz() -> None:
    text = (
        f"{HEADER}0.5\t2\tEllie\tIntroV4 (hi there)\n2.5\t3.25\tParticipant\t<laughter> good\n"
        "4\t5\tParticipant\t<sigh>\n6\t7\tEllie\twhat_do (you do)\n\n"
        '8\t9\tParticipant\tyes (nods) "so\n'
    )
    assert turns(text) == (
        *EXPECTED,
        Turn("you do", "Ellie", 6.0, 7.0),
        Turn('yes (nods) "so', "Participant", 8.0, 9.0),
    )


@pytest.mark.parametrize(
    "text",
    [
        'Start,End,Speaker,Text\n0.5,2,Ellie,hi there\n2.5,3.25,Participant,"good"\n',
        "text;speaker;onset;offset;notes\nhi there;Ellie;0,5;2;\ngood;Participant;2,5;3,25;x\n",
        "Speaker,start_ms,duration (ms),words\nEllie,500,1500,hi there\n"
        "Participant,2500,750,good\n",
        "begin\tend\tspeaker\tutterance\n0:00.5\t0:02\tEllie\thi there\n"
        "00:00:02.5\t00:00:03,25\tParticipant\tgood\n",
        'start_s,to [sec],who,sentence\r\n0.5,2,Ellie,"hi\nthere"\r\n2.5,3.25,Participant,good',
        "start,stop,speaker,value\r0.5,2,Ellie,hi there\r2.5,3.25,Participant,good",
    ],
)
def test_other_headers(text: str) -> None:
    assert detect_format(text) == "csv"
    assert turns(text) == EXPECTED
    for encoding in ("utf-8-sig", "utf-16"):
        assert parse_transcript(text.encode(encoding)) == EXPECTED


@pytest.mark.parametrize(
    "header",
    ["text,value", "value,text", "utterance,words", "words,Transcription", "label,value",
     "Dialogue,value", "message,value", "transcriptText,words", "transcript_text,value"],
)  # fmt: skip
def test_scores_and_counts_are_no_texts(header: str) -> None:
    first = header.partition(",")[0] not in {"value", "words"}
    cells = [("hi there", "0.5"), ("yes", "2")]
    rows = [f"{i},{i + 1},A,{','.join(pair if first else pair[::-1])}" for i, pair in
            enumerate(cells)]  # fmt: skip
    found = turns("\n".join([f"start,end,speaker,{header}", *rows]))
    assert [turn.text for turn in found] == ["hi there", "yes"]


@pytest.mark.parametrize("name", ["value", "words", "text"])
def test_texts_that_are_numbers_are_refused(name: str) -> None:
    with pytest.raises(DocumentError, match=f"column {name} .* holds numbers alone"):
        turns(f"start,end,speaker,{name}\n0,1,A,0.5\n1,2,B,7\n2,3,B,\n")
    assert turns(f"start,end,speaker,{name}\n0,1,A,I am\n1,2,B,7\n")[1].text == "7"


def test_whisper_s_own_are_in_milliseconds() -> None:
    text = "start\tend\ttext\n0\t1500\thello there\n1500\t1500\tso\n2000\t2750\tyes\n"
    spans = [(0.0, 1.5), (1.5, 1.5), (2.0, 2.75)]
    assert [(turn.start_s, turn.end_s) for turn in turns(text)] == spans


@pytest.mark.parametrize(
    "text",
    ["start\tend\ttext\n0\t15\thello there\n15\t27\tyes\n",
     "start\tend\ttext\n0\t15.0\thello there\n15\t27\tyes\n",
     "start\tend\ttext\tspeaker\n0\t15\thello there\tA\n15\t27\tyes\tB\n",
     "start,end,text\n0,15,hello there\n15,27,yes\n",
     "start_s,end,text\n0,15,secret\n15,27,\n27,5000,yes\n",
     "start,end,text\n0,15.5,secret\n15,27,\n27,5000,yes\n"],
)  # fmt: skip
def test_others_are_in_seconds(text: str) -> None:
    found = parse_table(text)
    assert found[1].start_s == 15.0
    assert found[1].end_s == 27.0


@pytest.mark.parametrize(
    "text",
    ['start,end,text\n500,1900," Hello there."\n3000,5000," I am well."\n',  # whisper.cpp
     'start,end,speaker,text\n500,1900,0," Hello there."\n3000,5000,1," I am well."\n',
     "start\tend\tspeaker\ttext\n500\t1900\tA\tHello there.\n3000\t5000\tB\tI am well.\n",
     "start;end;text\n500.0;1900.0;Hello there.\n3000.0;5000.0;I am well.\n",
     "start_ms,end,text\n500,1900,Hello there.\n3000,5000.0,I am well.\n",
     "start,duration,text\n500,1400,Hello there.\n3000,2000,I am well.\n",
     "start (s),duration,text\n0.5,1400,Hello there.\n3.0,2000,I am well.\n",
     "start,duration_ms,text\n0.5,1400,Hello there.\n3.0,2000,I am well.\n",
     "start,end,speaker\n500,1900,A\n3000,5000,B\n"],
)  # fmt: skip
def test_whole_numbers_that_no_seconds_could_be_are_milliseconds(text: str) -> None:
    assert [(turn.start_s, turn.end_s) for turn in turns(text)] == [(0.5, 1.9), (3.0, 5.0)]


def test_starts_alone_are_judged_by_the_next_one() -> None:
    table = "timestamp,speaker,text\n500,A,hello there\n6500,A,good\n3200,B,I am well\n"
    assert [turn.start_s for turn in turns(table)] == [0.5, 3.2, 6.5]
    table = "timestamp,speaker,text\n5,A,hello there\n32,B,I am well\n65,A,good\n"
    assert [turn.start_s for turn in turns(table)] == [5.0, 32.0, 65.0]


@pytest.mark.parametrize("end", [55, 99])
def test_whole_numbers_that_may_be_either_are_refused(end: int) -> None:
    with pytest.raises(DocumentError, match=r"neither seconds nor milliseconds.*start_ms") as error:
        turns(f"start,end,text\n0,{end},secret\n")
    assert "secret" not in str(error.value)
    assert turns(f"start,end (s),text\n0,{end},secret\n")[0].end_s == end


@pytest.mark.parametrize(
    "text",
    ["Timespan\tContent\tSpeaker\n0:00.5 - 0:02.0\thi there\tEllie\n"
     "0:02.5 - 0:03.25\tgood\tParticipant\n",
     "time,speaker,text\n0.5–2,Ellie,hi there\n2.5 --> 3.25,Participant,good\n",
     "in,out,speaker,text\n0.5,2,Ellie,hi there\n2.5,3.25,Participant,good\n",
     "TC In,TC Out,Speaker,Text\n00:00:00.5,00:00:02,Ellie,hi there\n"
     "00:00:02.5,00:00:03.25,Participant,good\n"],
)  # fmt: skip
def test_times_of_programs_that_code_interviews(text: str) -> None:
    assert detect_format(text) == "csv"
    assert turns(text) == EXPECTED


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"line 3 .* no two times such as .* timespan") as error:
        turns("Timespan,Content\n0:00-0:03,secret\nsecret,secret\n")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("cells", [("0:01", "0:05.5"), ("0:01 - 0:02", "0:03 - 0:04")])
def test_clocks_under_any_name_are_not_lost(cells: tuple[str, str]) -> None:
    with pytest.raises(DocumentError, match="the column position of the transcript holds times"):
        turns(f"position,speaker,text\n{cells[0]},A,Well then.\n{cells[1]},B,Yes.\n")


def test_events_are_no_words() -> None:
    said = ["scrubbed_entry", "xxx <laughter> yeah [noise]", "[background noise]", "so [the] end"]
    rows = "".join(f"{i}\t{i + 1}\tParticipant\t{text}\n" for i, text in enumerate(said))
    assert [turn.text for turn in turns(HEADER + rows)] == ["yeah", "so [the] end"]


def test_names_of_files_are_no_speakers() -> None:
    rows = "rec1.wav,0.5,3.0,hello there\nrec1.wav,3.2,6,I am well\n"
    assert {turn.speaker for turn in turns(f"name,start,end,text\n{rows}")} == {None}
    table = "name,start,end,who,text\n" + rows.replace(",hello", ",A,hello").replace(",I", ",B,I")
    assert [turn.speaker for turn in turns(table)] == ["A", "B"]


SPOKEN = [
    ("0", "2", "How are you"),
    ("2", "4", "Fine"),
    ("4", "6", "Good"),
    ("6", "8", "Yes it is"),
]


def of_columns(header: str, *columns: str) -> list[str | None]:
    """Speakers of a table with these columns before those of times and texts."""
    cells = zip(*[column.split() for column in columns], strict=True)
    rows = [",".join((*own, *spoken)) for own, spoken in zip(cells, SPOKEN, strict=False)]
    table = "\n".join((f"{header},start,end,text", *rows)).replace("-", "")
    return [turn.speaker for turn in turns(table)]


@pytest.mark.parametrize("header", [
    "participant,role", "participant,who", "name,tier", "name,speaker_label", "name,speaker role",
    "speaker,role", "speaker_id,Speaker Type", "person,Sprecher",
])  # fmt: skip
def test_whose_recording_it_is_is_not_who_speaks(header: str) -> None:
    for spoken in ("I P I P", "I P - P", "I P"):
        constant = " ".join(["P01"] * len(spoken.split()))
        expected = [None if cell == "-" else cell for cell in spoken.split()]
        assert of_columns(header, constant, spoken) == expected
        swapped = ",".join(header.split(",")[::-1])
        assert of_columns(swapped, spoken, constant) == expected


@pytest.mark.parametrize("name", ["participant", "name", "tier"])
def test_one_name_in_all_rows_may_be_the_recording_s(name: str) -> None:
    assert of_columns(name, "P01 P01 P01 P01") == [None] * 4
    assert of_columns(name, "P01 - - -") == [None] * 4
    assert of_columns(f"{name},speaker", "P01 P01 P01", "Ann Ann Ann") == ["Ann"] * 3
    assert of_columns(name, "P01") == ["P01"]
    assert of_columns(name, "P01 I P01") == ["P01", "I", "P01"]
    assert of_columns("speaker", "P01 P01") == ["P01", "P01"]


def test_of_columns_that_tell_the_same_apart_that_of_roles_tells() -> None:
    assert of_columns("participant,role", "P01 P02 P01", "INT PAR INT") == ["INT", "PAR", "INT"]
    assert of_columns("name,speaker", "a b A", "INT PAR INT") == ["INT", "PAR", "INT"]
    assert of_columns("role,speaker", "I - I", "A B A") == ["A", "B", "A"]


def test_columns_that_differ_in_who_speaks_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"the columns participant and role of .* and differ"):
        of_columns("participant,role", "P01 P01 P02 P02", "I P I P")
    assert of_columns("name,speaker", "u1 u2 u3 u4", "I P I P") == ["I", "P", "I", "P"]


def test_speakers_are_told_recording_by_recording() -> None:
    rows = "one,P01,I,0,1,Hi\none,P01,P,1,2,Yo\ntwo,P02,P,0,1,Ah\ntwo,P02,I,1,2,Oh\n"
    text = f"file,participant,role,start,end,text\n{rows}"
    assert [turn.speaker for turn in parse_table(text, ["two"])] == ["P", "I"]


@pytest.mark.parametrize("text", [
    "Sprecher;Beginn;Ende;Äußerung\nEllie;0,5;2,0;hi there\nParticipant;2,5;3,25;good\n",
    "Hablante,Inicio,Fin,Texto\nEllie,0.5,2,hi there\nParticipant,2.5,3.25,good\n",
    "Locuteur\tDe\u0301but\tFin\t\u00c9nonc\u00e9\nEllie\t0.5\t2\thi there\n"
    "Participant\t2.5\t3.25\tgood\n",
    "rolle;von;dauer;inhalt\nEllie;0,5;1,5;hi there\nParticipant;2,5;0,75;good\n",
])  # fmt: skip
def test_headers_in_other_languages(text: str) -> None:
    assert turns(text) == EXPECTED


def test_speakers_under_a_name_that_is_not_known_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"the column voice .* 2 names or words in 4 rows"):
        of_columns("voice", "Anna Ben Anna Ben")
    with pytest.raises(DocumentError, match=r"the column voice .* 2 names or words in 4 rows"):
        of_columns("participant,voice", "P01 P01 P01 P01", "Anna Ben Anna Ben")
    with pytest.raises(DocumentError, match=r"the column voice .* 2 names or words in 4 rows"):
        of_columns("speaker_id,voice", "P01 P01 P01 P01", "Anna Ben Anna Ben")
    assert of_columns("speaker,act", "I P I P", "ask tell tell ask") == ["I", "P", "I", "P"]
    assert of_columns("speaker,mood", "P P P P", "ok sad ok sad") == ["P"] * 4
    for other in ("Anna - - -", "1 2 1 2", "Anna Ben Carl Dan", "yes no no yes", "x x x x"):
        assert of_columns("voice", other) == [None] * 4
    assert of_columns("sentiment", "good bad good bad") == [None] * 4


def test_no_ends() -> None:
    assert turns("start,text\n5,c\n0,a b\n") == (
        Turn("a b", None, 0.0, 5.0),
        Turn("c", None, 5.0, 5.4),
    )


def test_no_times() -> None:
    assert turns("speaker,text\nA,hi\nB,\nA,bye") == (Turn("hi", "A"), Turn("bye", "A"))


@pytest.mark.parametrize("text", [
    "Text, she said\nmore", "start here, and go on", "value\tadded", "Speaker, who was late, left",
])  # fmt: skip
def test_prose_is_no_table(text: str) -> None:
    assert detect_format(text) == "plain"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,2,A,secret", "line 3 .* no number"),
        (",2,A,secret", "line 3 .* no number"),
        ('"1,234",2,A,secret', "line 3 .* no number"),
        ("0:75,2,A,secret", "line 3 .* no number"),
        ("nan,2,A,secret", "line 3 .* no number"),
        ("0,inf,A,secret", "line 3 .* no number"),
        ("-1,2,A,secret", "line 3 .* starts before 0"),
        ("-0:01,2,A,secret", "line 3 .* starts before 0"),
        ("3,2,A,secret", "line 3 .* before it starts"),
        ("1,2,A,secret,and more", "line 3 .* has 5 cells, the header 4"),
        ("1,2,secret", "line 3 .* has 3 cells, the header 4"),
        ('1,2,A,"secret', "line 3 .* quotes do not match"),
        ('1,2,A,"sec"ret', "line 3 .* quotes do not match"),
        ("1,2,my name is secret and long,x", "line 3 .* names a speaker of 6 words"),
    ],
)
def test_bad_rows(row: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(f"start,end,speaker,text\n0,1,A,secret\n{row}\n5,6,A,secret")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("header", "lacks"), [("start,end,secret", "texts"), ("stop,value", "starts"), ("x", "texts")]
)
def test_a_header_that_is_not_known(header: str, lacks: str) -> None:
    with pytest.raises(
        DocumentError, match=f"line 1 .* names no column of {lacks}.*rename"
    ) as error:
        turns(f"{header}\n1,2,secret", "a.csv")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("name", ["timestamp", "Time", "time (ms)"])
def test_one_column_of_times_is_of_starts(name: str) -> None:
    unit = 1000 if "ms" in name else 1
    found = turns(f"{name},speaker,text\n{unit},A,One.\n{4 * unit},B,Two three.\n")
    assert [(turn.start_s, turn.end_s) for turn in found] == [(1.0, 4.0), (4.0, 4.8)]


DIARISED = (Turn("", "SPEAKER_00", 0.0, 1.0), Turn("", "SPEAKER_01", 1.5, 2.0))


@pytest.mark.parametrize(
    "text",
    [
        "start,end,label\n0,1,SPEAKER_00\n1.5,2,SPEAKER_01\n",
        "start,end,speaker\n0,1,SPEAKER_00\n1.5,2,SPEAKER_01\n",
        "start_ms\tduration_ms\tSpeaker ID\n0\t1000\tSPEAKER_00\n1500\t500\tSPEAKER_01\n",
    ],
)
def test_speakers_only(text: str) -> None:
    assert detect_format(text) == "csv"
    assert turns(text) == DIARISED


@pytest.mark.parametrize("cells", [("secret words", "yes"), ("yes", "secret."), ("秘密。", "")])
def test_texts_under_a_name_that_is_not_known_are_refused(cells: tuple[str, str]) -> None:
    for header in ("start,end,speaker,transcription_clean", "start,duration,label,what was said"):
        rows = f"0,1,SPEAKER_00,{cells[0]}\n1.5,1.5,SPEAKER_01,{cells[1]}\n"
        with pytest.raises(DocumentError, match=r"the column (transcriptionclean|whatwassaid) of "
                           r".* holds words; call it text, .*leave it out") as error:  # fmt: skip
            turns(f"{header}\n{rows}")
        assert "secret" not in str(error.value)


@pytest.mark.parametrize("name", ["startMs", "start (min)", "Timecode Begin", "begin_frame"])
def test_times_under_a_name_that_is_not_known_are_refused(name: str) -> None:
    for cells in (("100", "2500"), ("0:01", "0:05.5"), ("", "2500")):
        table = f"{name},speaker,text\n{cells[0]},A,Well then.\n{cells[1]},B,Yes.\n"
        with pytest.raises(DocumentError, match=r"the column \w+ of the transcript holds times"):
            turns(table)
    assert len(turns("sometimes,speaker,text\nyes,A,Well then.\nno,B,Yes.\n")) == 2


def test_other_columns_beside_speakers_are_left_out() -> None:
    text = "start,end,speaker,emotion,score,file,name\n0,1,SPEAKER_00,happy,0.5,my a.wav,Ann Lee\n"
    assert turns(f"{text}1.5,2,SPEAKER_01,sad,1e-3,my a.wav,Bob Ray\n") == DIARISED


def test_labels_that_are_said() -> None:
    text = "start,end,label\n0,1,SPEAKER_00 is here\n1,2,SPEAKER_01\n"
    assert [turn.text for turn in turns(text)] == ["SPEAKER_00 is here", "SPEAKER_01"]
    text = "start,end,speaker,label\n0,1,A,Yes\n1,2,B,Yes\n"
    assert [(turn.speaker, turn.text) for turn in turns(text)] == [("A", "Yes"), ("B", "Yes")]
    assert [turn.text for turn in turns("start,end,label\n0,1,Hello.\n1,2,I see.\n")] == [
        "Hello.", "I see.",
    ]  # fmt: skip


def test_labels_that_may_be_either_are_refused() -> None:
    rows = "0,1,Secret\n1,2,Hidden\n" * 2
    with pytest.raises(
        DocumentError, match=r"2 names or words in 4 rows.*speaker or text"
    ) as error:
        turns(f"start,end,label\n{rows}")
    assert "Secret" not in str(error.value)
    assert turns(f"start,end,text\n{rows}")[0].text == "Secret"
    assert turns(f"start,end,speaker\n{rows}")[0] == Turn("", "Secret", 0.0, 1.0)


def test_a_table_without_words_is_still_refused() -> None:
    for text in ("start,end,speaker,text\n0,1,A,<sigh>\n", "start,end,label\n0,1,\n"):
        with pytest.raises(DocumentError, match="no words"):
            turns(text)
    with pytest.raises(DocumentError, match="no turns"):
        turns("start,end,speaker\n")


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.sampled_from(["", "A", "B b"]),
                  st.text("ab,;\"'\n\r .\u00e9").map(lambda text: f"x {text}")),
        min_size=1,
    ),
    st.sampled_from(",;"),
)  # fmt: skip
def test_reads_what_csv_writes(rows: list[tuple[int, int, str, str]], delimiter: str) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["start_s", "end_s", "speaker", "text"])
    for start, length, speaker, text in rows:
        writer.writerow([start / 1000, (start + length) / 1000, speaker, text])
    assert sorted(turns(file.getvalue()), key=str) == sorted(
        (
            Turn(" ".join(text.split()), speaker or None, at / 1000, (at + length) / 1000)
            for at, length, speaker, text in rows
        ),
        key=str,
    )
