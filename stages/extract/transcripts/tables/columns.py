"""The columns of a table of turns: what they may be called, and which hold what."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hilbert.stages.extract.transcripts.time_units import MILLISECONDS, SECONDS

NAMES = {
    "start": ("starttime", "start", "begin", "begintime", "onset", "from", "tmin", "xmin",
              "timestamp", "time", "timecode", "tcin", "timecodein", "timein", "in",
              "startzeit", "beginn", "anfang", "anfangszeit", "von", "zeit", "zeitstempel",
              "inicio", "comienzo", "desde", "tiempo", "debut", "temps"),
    "end": ("stoptime", "stop", "endtime", "end", "offset", "to", "tmax", "xmax", "tcout",
            "timecodeout", "timeout", "out",
            "endzeit", "ende", "bis", "fin", "final", "hasta"),
    "duration": ("duration", "dur", "dauer", "duracion", "duree"),
    "range": ("timespan", "timerange"),
    "speaker": ("speaker", "speakername", "speakerid", "speakerlabel", "speakercode", "speakerrole",
                "speakertype", "sprecher", "sprecherin", "sprechername", "sprecherid", "redner",
                "hablante", "locutor", "locutora", "locuteur", "locutrice", "intervenant",
                "talker", "spk", "spkr", "who", "role", "rolle", "rol", "participant",
                "participante", "teilnehmer", "teilnehmerin", "name", "nombre", "nom", "person",
                "tier"),
    "text": ("text", "utterance", "transcript", "transcription", "transcripttext", "sentence",
             "dialogue", "dialog", "message", "content",
             "transkript", "transkription", "außerung", "aeusserung", "ausserung", "inhalt",
             "texto", "transcripcion", "enunciado", "contenido", "texte", "enonce", "contenu",
             "words", "label", "value"),
}  # fmt: skip
"""What the columns may be called: without blanks, signs, accents and case, and without the unit."""
RECORDING_NAMES = (
    "file", "filename", "fileid", "filepath", "recording", "recordingid", "recordingname", "audio",
    "audiofile", "audiofilename", "audiopath", "audioid", "media", "mediafile", "video",
    "videofile", "wav", "session", "sessionid", "interview", "interviewid", "conversation",
    "conversationid", "document", "documentid", "docid", "id",
)  # fmt: skip
"""What a column may be called that tells which recording a row is of."""
_UNIT = re.compile(r"(?:[\s_]+|[\s_]*[(\[])(s|secs?|seconds|ms|msec|milliseconds)[)\]]?$")
_LONGEST_NAME = 40
_OF_SPEAKERS = ("speaker", "sprecher", "hablante", "locut")


class Column(NamedTuple):
    """Which of the cells; `name` is as in `NAMES`."""

    position: int
    per_s: float | None
    """How many of its unit make a second; None if the header states none."""
    name: str


def columns_of(header: Sequence[str]) -> dict[str, Column]:
    """The columns that are understood; of two that may be meant, the first in `NAMES`."""
    named = named_columns(header)
    found = {
        role: next((named[name] for name in names if name in named), None)
        for role, names in NAMES.items()
    }
    return {role: column for role, column in found.items() if column is not None}


def recording_columns(header: Sequence[str]) -> list[Column]:
    """The columns that may tell which recording a row is of, as `RECORDING_NAMES` has them."""
    named = named_columns(header)
    return [named[name] for name in RECORDING_NAMES if name in named]


def named_columns(header: Sequence[str]) -> dict[str, Column]:
    """Every column by its name; of two that are called alike, the first."""
    named: dict[str, Column] = {}
    for position, name in enumerate(header):
        if len(name) <= _LONGEST_NAME:
            unit = _UNIT.search(name.lower())
            plain = re.sub(r"[\W_]", "", _UNIT.sub("", _without_accents(name.lower())))
            named.setdefault(plain, Column(position, _stated(unit), plain))
    return named


def _without_accents(name: str) -> str:
    parts = unicodedata.normalize("NFKD", name)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _stated(unit: re.Match[str] | None) -> float | None:
    if unit is None:
        return None
    return MILLISECONDS if unit[1].startswith("m") else SECONDS


def are_of_speakers(columns: Mapping[str, Column]) -> bool:
    """Whether speakers have times and there are no texts; `name` may be that of an event."""
    return (
        "text" not in columns
        and {"start", "speaker"} <= columns.keys()
        and bool({"end", "duration"} & columns.keys())
        and columns["speaker"].name.startswith(_OF_SPEAKERS)
    )
