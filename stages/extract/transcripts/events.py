"""Events that stand among words in tables and CTM, and are not said: ``[noise]``, ``<laugh>``."""

import re

_EVENT = re.compile(r"<[A-Za-z_-]+>")  # <laughter>, <sigh>
_ALONE = re.compile(r"[\[<{][^\[\]<>{}\s]+[\]>}]")
_KINDS = (
    r"(?:\w+[ _-])?(?:noises?|laugh(?:s|ter|ing)?|cough(?:s|ing)?|breath(?:s|e|es|ing)?|"
    r"sigh(?:s|ing)?|sniff(?:s|le|les|ling)?|sneez(?:es?|ing)|yawn(?:s|ing)?|clicks?|lipsmacks?|"
    r"smacks?|throat|music|silence|pause|applause|clap(?:s|ping)?|crosstalk|inaudible|"
    r"unintelligible|unk|spn|sil|blank_audio|beep)"
)
# in square brackets, a transcriber may also put a word: [the]; in round ones, an aligner: (um)
_NAMED = re.compile(rf"\[{_KINDS}\]", re.IGNORECASE)
_IN_ROUND = re.compile(rf"\({_KINDS}\)", re.IGNORECASE)
_UNHEARD = re.compile(r"(?<!\S)(?:scrubbed_entry|x{3,})(?!\S)", re.IGNORECASE)
"""What DAIC-WOZ has for what was taken out, and for what nobody understood."""


def without_events(text: str) -> str:
    """The text of a cell without events."""
    for events in (_EVENT, _NAMED, _UNHEARD):
        text = events.sub(" ", text)
    return text


def is_event(word: str) -> bool:
    """Whether a single word of an alignment is an event: all of it stands in brackets."""
    return any(pattern.fullmatch(word) for pattern in (_ALONE, _IN_ROUND, _UNHEARD))
