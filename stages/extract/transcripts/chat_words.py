"""From a main line of CHAT to the words that are said.

Kept are words, fillers (``&-uh``), and what is repeated or taken back; a replacement stands for
what it replaces (``goed [: went]``), and parts of words that were left out are put back
(``(be)cause``). Dropped are sounds that are no words (``&+fr``, ``&~ga``, ``&=laughs``), what is
not understood or not written (``xxx``, ``yyy``, ``www``), omitted words (``0is``), pauses, codes
and comments in brackets, and marks of overlap, stress, pitch and lengthening.
"""

import re

from hilbert.stages.extract.transcripts.markup import plain_label

# codes in brackets, groups, words; a bracket left open stands alone
_ITEM = re.compile(r"\+<|\[[^\[\]]*\]|[<>\[\]]|[^\s<>\[\]]+")
_PAUSE = re.compile(r"\((?:\.{1,3}|[\d:.]+)\)")
_REPLACEMENT = re.compile(r"\[:\s+(.*)\]", re.DOTALL)
_ENDS = {
    "+...": "…", "+..?": "?", "+/?": "?", "+//?": "?", "+!?": "?", "+.": ".", "+/.": ".",
    "+//.": ".", '+".': ".", '+"/.': ".",
}  # fmt: skip
"""Terminators of CHAT as readers of prose know them."""
_PUNCTUATION = re.compile(r"[.,;:!?…]+")
_COMMAS = {"‡": ",", "„": ","}  # after a vocative, before a tag question
_NOT_WORDS = ("&=", "&+", "&~", "&*", "&{", "&}")
_UNKNOWN = {"xxx", "xx", "yyy", "yy", "www"}
_GLOTTAL = {"ʔ", "ʕ"}  # a sound alone; within a word, as of Hebrew, it is a letter
_OMITTED = re.compile(r"0(?:[^\W\d].*)?", re.DOTALL)
_FORM = re.compile(r"@[\w:$+&*-]+$")  # wug@c, amigo@s:spa
_GROUPS = str.maketrans("‹›", "<>")
_STUTTER = re.compile(r"↫[^↫]*↫")
_MARKS = re.compile(r"[()^:↑↓⇗↗→↘⇘∞≈≋≡∙⌈⌉⌊⌋∆∇°▁▔☺♋⁇∬Ϋ∲§∾↻ↀˈˌ⁎Ἡ‡„≠↫\x02-\x08\x0e-\x1f]")


def spoken_words(line: str) -> str:
    """The words of a main line, without its speaker and bullets, separated by single blanks."""
    if "</" in line:  # CHAT has no such thing: a tag of HTML got in
        line = plain_label(line)
    line = line.translate(_GROUPS)
    items: list[str] = []
    opened: list[int] = []  # where in `items` each open group begins
    last = 0  # where that begins which a code in brackets speaks of
    for raw in _ITEM.findall(line):
        if raw == "<":
            opened.append(len(items))
        elif raw == ">":
            last = opened.pop() if opened else last
        elif raw.startswith("["):
            match = _REPLACEMENT.fullmatch(raw)
            if match is not None:
                items[last:] = filter(None, map(_word, match[1].split()))
        elif word := _word(raw):
            last = len(items)
            items.append(word)
        elif not _PAUSE.fullmatch(raw):
            last = len(items)  # what is left out may be replaced, too
    return _joined(items)


def _word(raw: str) -> str:
    """A word, or a mark of punctuation, as prose writes it; empty if it is not said."""
    raw = _COMMAS.get(raw, _ENDS.get(raw, raw))
    if _PUNCTUATION.fullmatch(raw):
        return raw
    if raw.startswith((*_NOT_WORDS, "+")) or _OMITTED.fullmatch(raw) or _PAUSE.fullmatch(raw):
        return ""
    word = _MARKS.sub("", _STUTTER.sub("", _FORM.sub("", raw.removeprefix("&-").removeprefix("&"))))
    if word.lower() in _UNKNOWN or word in _GLOTTAL or not any(map(str.isalnum, word)):
        return ""
    return word.replace("_", " ").replace("+", "-")


def _joined(items: list[str]) -> str:
    """Words with blanks between, marks of punctuation with none before them."""
    parts: list[str] = []
    for item in items:
        if not _PUNCTUATION.fullmatch(item):
            parts += [" ", item] if parts else [item]
        elif parts and _PUNCTUATION.fullmatch(parts[-1]):
            parts[-1] = item
        elif parts:
            parts.append(item)
    return "".join(parts) if any(map(str.isalnum, "".join(parts))) else ""
