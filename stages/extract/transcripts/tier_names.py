"""What the names of tiers tell of them, as aligners and annotators call them.

A name is a kind (``words``), or a kind with a speaker before or after it: ``Anna - words``,
``words-Anna``, ``tx@SP1``, ``Anna words``. Kinds that may be surnames or titles (``Mary Tone``,
``Line 2``) are none behind or before a blank.
"""

import re
import unicodedata
from typing import Literal, NamedTuple

Kind = Literal["words", "utterances", "segments", "speakers", "sounds", "remarks", "unknown"]
"""Segments are of sounds or of utterances; a tier of speakers tells who speaks."""


# phrase-txt-en and the like are of FLEx
_KINDS: dict[Kind, str] = {
    "words": r"words?|tokens?|tokens?[ _-]?align|ort-mau|word-txt(?:-[\w-]+)?",
    "utterances": r"utt(?:erance)?s?|transcripts?|transcriptions?|orth(?:o(?:graph(?:y|ic))?)?|"
    r"trans|(?-i:trs)|transkripte?|transkription(?:en)?|äußerung(?:en)?|transcripci[oó]n(?:es)?|"
    r"enunciados?|énoncés?|textos?|textes?|spch|"
    r"orthographic transcription|texts?|speech|sentences?|phrases?|lines?|turns?|"
    r"phrase-txt(?:-[\w-]+)?",
    "segments": r"seg(?:ment)?s?",
    "sounds": r"phones?|phonemes?|phns?|phonetics?|phonetic transcription|ipa|phon[ _-]?tokens?|"
    r"phon(?:eme|e)?s?[ _-]?align|(?:kan-)?mau|syll(?:able)?s?|"
    r"syll(?:able)?s?[ _-]?(?:class|struct)?[ _-]?align|stress(?:es)?|tones|tobi|accents?|"
    r"pitch|pitch[ _-]?anchors?|f0|intensity|breaks?|break[ _-]ind(?:ex|ices)|boundar(?:y|ies)|"
    r"prosody|momel|intsint|vowels?|consonants?|"
    r"morph(?:eme)?s?|morph-\w+(?:-[\w-]+)?",
    "remarks": r"notes?|comments?|remarks?|events?|misc|noises?|gestures?|gaze|codes?|coding|"
    r"topics?|(?:\w+[ _-])?translations?|(?:\w+[ _-])?gloss(?:es|ing)?|pos|part[ _-]of[ _-]speech|"
    r"(?-i:trl)|[uü]e?bersetzung(?:en)?|traducci[oó]n(?:es)?|traductions?|kommentare?|"
    r"comentarios?|commentaires?|notiz(?:en)?|notas?|bemerkung(?:en)?|anmerkung(?:en)?|"
    r"gestik|mimik|blick(?:richtung)?|"
    r"tags?|lemmas?|(?:\w+[ _-])?ids?|numbers?|segnum|refs?|errors?|emotions?|disfluenc(?:y|ies)|"
    r"laugh(?:s|ter)?|breath(?:s|ing)?|silences?|pauses?|ipus?|vad|activity|"
    r"phrase-(?:segnum|gls|lit|note)(?:-[\w-]+)?|word-(?:gls|pos)(?:-[\w-]+)?",
}
_SPEAKERS = re.compile(
    r"speakers?|speaker[ _-]?(?:ids?|names?|labels?|roles?)|spkr?s?|who|"
    r"sprecher(?:in|innen)?|sprecher[ _-]?(?:ids?|namen?)|hablantes?|locut(?:or(?:es)?|eurs?)",
    re.IGNORECASE,
)
# as DoReCo and Toolbox call them, before an @
_OF_TOOLBOX: dict[str, Kind] = {
    "tx": "utterances", "wd": "words", "ph": "sounds", "mb": "sounds", "ref": "remarks",
    "ft": "remarks", "gl": "remarks", "ge": "remarks", "ps": "remarks", "mc": "remarks",
    "nt": "remarks",
}  # fmt: skip
_SURNAMES = (
    r"lines?|trans|segs?|segments?|tones?|pitch|breaks?|accents?|codes?|events?|topics?|errors?|"
    r"pos|mau|ids?|numbers?|refs?|tags?"
)
_TITLES = rf"{_SURNAMES}|turns?|texts?|phrases?|sentences?"
_PATTERNS = {
    kind: (
        re.compile(rf"(?:(.*\S)\s*[-_@:]\s*)?(?:{names})", re.IGNORECASE | re.DOTALL),
        re.compile(rf"(?:{names})\s*[-_@:]\s*(\S.*)", re.IGNORECASE | re.DOTALL),
        re.compile(rf"(\S.*) (?!(?:{_SURNAMES})$)(?:{names})", re.IGNORECASE | re.DOTALL),
        re.compile(rf"(?!(?:{_TITLES}) )(?:{names}) (\S.*)", re.IGNORECASE | re.DOTALL),
    )
    for kind, names in _KINDS.items()
}
_MAUS = {"ORT", "KAN", "MAU", "ORT-MAU", "KAN-MAU"}
_MAUS_SOUNDS = {"KAN", "KAS", "MAS"}
"""Tiers of canonical sounds and of syllables, which alone may be anyone's initials."""


class Named(NamedTuple):
    """Of which kind a tier is by its name, and whose; `speaker` is empty where it tells none."""

    kind: Kind
    speaker: str


def named(name: str) -> Named:
    """What a single name tells."""
    name = unicodedata.normalize("NFC", name)
    code, at, whose = name.partition("@")
    if at and code.strip().lower() in _OF_TOOLBOX:
        return Named(_OF_TOOLBOX[code.strip().lower()], whose.strip())
    if _SPEAKERS.fullmatch(name):
        return Named("speakers", "")
    # a whole name before one that begins with a kind, and that before one that a blank parts
    for pattern in range(4):
        told = name if pattern < 2 else " ".join(name.split())
        for kind, patterns in _PATTERNS.items():
            if match := patterns[pattern].fullmatch(told):
                return Named(kind, match[1] or "")
    return Named("unknown", name)


def all_named(names: list[str]) -> list[Named]:
    """What the names of a file's tiers tell together: several of WebMAUS make a further one so."""
    upper = [name.upper() for name in names]
    if len({*upper} & _MAUS) < 2:
        return [named(name) for name in names]
    of_maus: dict[str, Kind] = dict.fromkeys(_MAUS_SOUNDS, "sounds")
    of_maus["ORT"] = "remarks" if "ORT-MAU" in upper else "words"
    return [
        Named(of_maus[other], "") if other in of_maus else named(name)
        for name, other in zip(names, upper, strict=True)
    ]
