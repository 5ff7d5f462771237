"""What may be a label: the ways in which transcripts write who speaks at the start of a line.

``Interviewer:``, ``301:``, ``I:Why?``, ``[SPEAKER_00]:``, ``(speaker 0)``, ``**Ann:**``, and signs
before it: ``>>``, a dash, a time, with a date or without, the number of a line, what is heard and
not said. Which of them name speakers is told by `label_search`.
"""

import re
from typing import NamedTuple

MAX_LABEL_CHARACTERS = 40
MAX_LABEL_WORDS = 4
"""Of a usual label; a name may have `_MOST_WORDS`."""
_MOST_WORDS = 8
"""Of what may be a label, or a name."""

_UNSEEN = "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # as some exports put before a name
_HEARD = (
    r"(?:[\[(<]\s*(?:(?:long |short |brief )?(?:pause|silence)|laugh(?:s|ing|ter)?|chuckl(?:es|ing)"
    r"|cough(?:s|ing)?|sigh(?:s|ing)?|sniff(?:s|ing)?|crying|sobbing|breath(?:es|ing)?|noise|music"
    r"|applause|inaudible|unintelligible|indistinct|unclear|cross-? ?talk|overlap(?:ping)?)"
    r"\s*[\])>]\s*)"
)
_CLOCK = r"\d{1,2}:\d\d(?::\d\d){0,2}(?:[.,;-]\d{1,6})?(?:\s?(?:[ap]\.?\s?m\b\.?|min\b|h\b|uhr\b))?"
_DATE = r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|[a-z]{3,9}\.? \d{1,2}(?:,? \d{4})?),?[ T]\s?"
_TIME = (
    rf"(?:[\[({{<#]?\s?(?:{_DATE})?{_CLOCK}(?:\s?[-–—]\s?{_CLOCK})?\s?[\])}}>#]?(?:\s?[:,|–—-])?"
    r"(?=\s)\s*)"
)
_NUMBER = (
    r"(?:(?:line|turn|zeile)?\s?[\[(#]?\d{1,6}(?: ?min)?[\])]?[.)]?(?=\s)\s+(?=\W{0,9}[^\W\d_]))"
)
_COLONS = ":：﹕∶︰꞉"
_REMARK = r"\s?[\[(][^\[\](){}]{1,40}[\])]"
_OPENING = re.compile(
    rf"[\s{_UNSEEN}]*(?P<before>(?:{_HEARD}|{_TIME}|{_NUMBER}){{0,5}})"
    rf"(?P<mark>(?:[>»›]+|[-–—•]+)\s*)?"
    rf"(?:(?P<sign>[\[(<{{*|【［])[\[(<{{*|【［]{{0,2}}"
    rf"(?P<inner>[^\[\](){{}}<>*|【】［］{_COLONS}]{{1,60}})(?P<within>[{_COLONS}]?)"
    rf"[\])>}}*|】］]{{1,3}}(?P<after>\s?[{_COLONS}])?"
    rf"|(?P<outer>[^{_COLONS}]{{1,120}}?)(?P<remark>{_REMARK})?\s?(?P<colon>[{_COLONS}]))?"
    r"(?P<said>.*)",
    re.DOTALL | re.IGNORECASE,
)
_HEARD_ALONE = re.compile(_HEARD, re.IGNORECASE)
_NUMBERED = re.compile(rf"(?:{_HEARD}|{_TIME})*{_NUMBER}", re.IGNORECASE)
_LINE_NUMBER = re.compile(rf"\A\s*{_NUMBER}", re.IGNORECASE)
_HOLDS_TIME = re.compile(r"\d:\d\d")
_SIGNS = r",;?!\"，。；！？、"
_USUAL = re.compile(rf"[^\W\d_][^\s{_SIGNS}]*(?: [^\s{_SIGNS}]+){{0,3}}")
_DIARISED = re.compile(r"(?:speaker|spkr?)[ _-]?(?:\d{1,4}|[a-z])", re.IGNORECASE)
_ROLE = re.compile(
    r"(?:unknown )?speaker|(?:interviewer(?:in)?|interviewee|participant|respondent|researcher"
    r"|moderator(?:in)?|facilitator|interpreter|translator|befragter?|teilnehmer(?:in)?"
    r"|proband(?:in)?)(?: ?\d{1,3})?|(?:fe)?male ?\d{1,3}",
    re.IGNORECASE,
)
_HOURS = re.compile(r"(?:.*\W)?\d{1,2}")  # before a colon, and after it:
_MINUTES = re.compile(r"\d\d(?!\d)")
_STAMP_ENDS = re.compile(rf"\d\d(?:[:.,]\d+)*[\])]?\s*(?:[{_COLONS}]|$)")
_HOUR = re.compile(r"[\s\[(]*(\d{1,2}):\d\d")
_HAS_LETTER = re.compile(r"[^\W\d_]")
_SENTENCE = re.compile(
    r"(?<!\w)(?!(?:prof|mrs|dipl|ing|mag|hon|rev|sen|gen|col|capt|sgt)\.)\w{3,}[.…] ", re.IGNORECASE
)
_CLAUSE = re.compile(r"[，。；！？、]|[^\W\d_]{7}")


class Found(NamedTuple):
    """What may be a label.

    Attributes
    ----------
    label : str
        Empty where there is but a mark, or another sign, of a change.
    said : str
        The line without it; all of the line where the label is empty.
    bare : str
        The label without a remark in brackets (``Ann (laughing)``), which holds no digit.
    has_colon, has_brackets : bool
    is_stressed : bool
        Whether these brackets are stars or bars.
    is_parted : bool
        Whether there is a blank behind the colon.
    is_clock : bool
        Whether label and colon may be the hour of a time.
    is_numbered : bool
        Whether a number of the line stands before it.
    is_somebody : bool
        Whether signs stand for a speaker who was not recognised (``??:``).
    """

    label: str
    said: str
    bare: str = ""
    has_colon: bool = False
    has_brackets: bool = False
    is_stressed: bool = False
    is_parted: bool = False
    is_clock: bool = False
    is_numbered: bool = False
    is_somebody: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether it has the form that most labels have."""
        is_parted = self.has_colon and self.is_parted and not self.is_numbered
        is_short = _USUAL.fullmatch(self.label) is not None
        return is_parted and is_short and _SENTENCE.search(self.label) is None

    @property
    def is_alone(self) -> bool:
        """Whether what is said is to stand below."""
        return bool(self.label) and self.has_colon and not self.said

    @property
    def may_be_words(self) -> bool:
        """Whether it stands in brackets as what is heard, or in place of a name, may, too."""
        return self.has_brackets and not (self.has_colon or self.is_stressed or self.is_sure)

    @property
    def is_sure(self) -> bool:
        """Whether a program for diarisation wrote it."""
        return self.has_brackets and is_diarised(self.label)


def found_label(line: str) -> Found | None:
    """What may be a label at the start of a line; None if nothing there may be one."""
    match = _OPENING.fullmatch(line)
    if match is None:
        return None
    raw = match["inner"] or match["outer"] or ""
    bare = " ".join(raw.split()).strip("*_ ")
    remark = match["remark"] or ""
    label = bare if _HOLDS_TIME.search(remark) else " ".join((raw + remark).split()).strip("*_ ")
    said = match["said"]
    if not _may_be_label(label, match["outer"] is not None, said):
        is_somebody = _stands_for_somebody(label, match)
        if match["mark"] or is_somebody:
            return Found("", line, is_somebody=is_somebody)
        hour = _HOUR.match(line)
        return None if hour is None else Found(hour[1], line, is_clock=True)
    is_clock = match["outer"] is not None and not remark and _is_clock(label, said)
    if is_clock and label[0] in "[(":  # [inaudible 0:03]
        return None
    if is_clock and (match["mark"] or (_STAMP_ENDS.match(said) and _HAS_LETTER.search(label))):
        return Found("", line)
    if raw.lstrip().startswith("*"):
        said = said.lstrip("*_")
    heard = "".join(_HEARD_ALONE.findall(match["before"]))
    return Found(
        label,
        (heard + said.strip()).strip(),
        bare=label if re.search(r"\d", remark) else bare,
        has_colon=bool(match["within"] or match["after"] or match["colon"]),
        has_brackets=match["inner"] is not None,
        is_stressed=match["sign"] in ("*", "|"),
        is_parted=match["colon"] not in (None, ":") or not said or said[0].isspace(),
        is_clock=is_clock,
        is_numbered=_NUMBERED.match(match["before"] + label) is not None,
    )


def _may_be_label(label: str, is_outer: bool, said: str) -> bool:
    is_short = len(label.split()) <= _MOST_WORDS or _is_in_capitals(label)
    is_address = is_outer and said.startswith("//")
    return is_short and not is_address and re.search(r"[^\W_]", label) is not None


def _stands_for_somebody(label: str, match: re.Match[str]) -> bool:
    """Whether signs stand for a speaker who was not recognised: ``??:``, ``[?]``."""
    return re.search(r"\w", label) is None and ("?" in label or match["outer"] is not None)


def _is_clock(label: str, said: str) -> bool:
    return _MINUTES.match(said) is not None and _HOURS.fullmatch(label) is not None


def may_count(found: Found) -> bool:
    """Whether it is to be counted; in brackets without a colon, where something follows."""
    if not found.label or found.is_clock or len(found.label) > MAX_LABEL_CHARACTERS:
        return False
    if found.has_colon or found.is_sure:
        return True
    return bool(found.said) and _HAS_LETTER.search(found.label) is not None  # (1) is of a list


def without_number(line: str) -> str:
    """A line without the number that may stand before it."""
    return _LINE_NUMBER.sub("", line, count=1)


def opens_bracket(line: str) -> bool:
    """Whether it begins with a bracket, what is heard aside."""
    start = _HEARD_ALONE.match(line)
    return line[start.end() if start else 0 :].lstrip()[:1] in {*"[(<{【［"}


def is_diarised(name: str) -> bool:
    """Whether it is as programs for diarisation call a speaker."""
    return _DIARISED.fullmatch(name) is not None


def is_role(name: str) -> bool:
    """Whether it can hardly be anything else than a speaker."""
    return is_diarised(name) or _ROLE.fullmatch(name) is not None


def may_be_header(text: str) -> bool:
    """Whether a line that stands above what is said may be a speaker's name."""
    return (
        0 < len(text.split()) <= MAX_LABEL_WORDS
        and len(text) <= MAX_LABEL_CHARACTERS
        and (looks_like_name(text) or is_diarised(text))
        and re.search(rf"[?!;\"{_COLONS}]|[.…]$", text) is None
    )


def looks_like_name(label: str) -> bool:
    """Whether no word starts in lower case."""
    return not any(word.lstrip("([")[:1].islower() for word in label.split())


def may_be_name(label: str) -> bool:
    """Whether it is short, and no word but small ones amid it starts in lower case.

    And no sentence ends amid it (``Hi Jane. Question``).
    """
    is_short = len(label.split()) <= _MOST_WORDS and _is_in_capitals(label)
    if _SENTENCE.search(label) is not None:
        return False
    return is_short and not (_has_no_case(label) and re.search(r"[，。；！？、]", label))


def may_be_clause(label: str) -> bool:
    """Whether it may be a clause of a script without capitals, and without blanks."""
    return _has_no_case(label) and _CLAUSE.search(label) is not None


def _has_no_case(label: str) -> bool:
    return label.lower() == label.upper()


def _is_in_capitals(label: str) -> bool:
    words = label.split()
    small = [word for word in words if word[0].islower()]
    ends = {*words[:1], *words[-1:]}
    return not ends.intersection(small) and all(len(word) <= 3 for word in small)
