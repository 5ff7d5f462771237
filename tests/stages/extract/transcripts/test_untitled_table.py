"""Tables without a header are no prose: Audacity's labels are read, others refused."""

import pytest

from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn


def test_labels_of_audacity() -> None:
    text = "0.500000\t3.000000\thow are you\r\n3.200000\t6.000000\tI am well\r\n"
    assert parse_transcript(text.encode()) == (
        Turn("how are you", None, 0.5, 3.0), Turn("I am well", None, 3.2, 6.0),
    )  # fmt: skip
    text = "0.5\t3.0\tAnn: how are you\n3,2\t6,0\tBob: I am well\n6.5\t7.0\tAnn: Well\n7.1\t8.5\t\n"
    assert parse_transcript(text.encode()) == (
        Turn("how are you", "Ann", 0.5, 3.0), Turn("I am well", "Bob", 3.2, 6.0),
        Turn("Well", "Ann", 6.5, 7.0),
    )  # fmt: skip
    with pytest.raises(DocumentError, match=r"line 2 .* before it starts") as error:
        parse_transcript(b"0.5\t3.0\tsecret it is\n6.0\t3.2\tsecret it was\n")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.500\t3.000\tsecret\n3.200\t6.000\tAnn\n", "first line is no header"),
        ("0.500 3.000 SPEAKER_00\n3.200 6.000 SPEAKER_01\n", "two numbers.*RTTM of who speaks"),
        ("5000000 30000000 secret\n30000000 60000000 words\n", "begin with two numbers"),
        ("0.5\t3.0\tA\tsecret words\n3.2\t6.0\tB\tsecret\n", "first line is no header"),
        ("A\t00:00:00.500\t0.5\t00:00:03.000\tso secret\nB\t0:03.2\t3.2\t0:06.000\tit is\n",
         "first line is no header that is known"),
        ("Tier\tBegin Time - ss.msec\tEnd Time - ss.msec\tAnnotation\nA\t0.5\t3.0\tso secret\n"
         "B\t3.2\t6.0\tI am\n", "first line names no columns that is known"),
        ("4\t0:01\tso secret\n5\t0:03\tit is\n", "first line is no header"),
        ("rec-utt1 rec 0.50 3.00\nrec-utt2 rec 3.2 6.0\n", "Kaldi's segments"),
        ("rec-utt1 so secret\nrec-utt2 it is\n", "Kaldi's text"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.txt", "a.lab", ""])
def test_others_are_refused(text: str, message: str, name: str) -> None:
    for written in (text, text.replace("\n", "\r\n"), f"\n{text}\n"):
        with pytest.raises(DocumentError, match=message) as error:
            parse_transcript(written.encode(), name=name)
        assert "secret" not in str(error.value)
        assert len(str(error.value)) < 250
    assert parse_transcript(text.encode(), name=name, format="plain")


@pytest.mark.parametrize(
    "text",
    [
        "Ann\tSo it is.\nBob\tIt is not.\n",
        "\t\tSo it is.\n\t\tIt is not.\n",
        "so\tit\tis\nis\tit\tnot\n",
        "[0:01]\tAnn:\tSo it is.\n[0:04]\tBob:\tIt is not.\n",
        "1 2 buckle my shoe",
        "10 20 of them came.\nThen some more came.\nAnd 10 went.\n",
        "mid-1990 was a time.\nlate-1990 was another.\n",
        "COVID-19 is one.\nCOVID-19 is all.\n",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    assert detect_format(text) == "plain"
    assert parse_transcript(text.encode())
