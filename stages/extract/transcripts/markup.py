"""What stands in a text and is not said: tags, entities, runs of blanks."""

import html
import re

# names of tags, and times within karaoke cues; "BP < 120" stays
_TAG = re.compile(r"</?(?:[bcisuv]|em|font|lang|rt|ruby|span|strong)(?:[.\s][^<>]*)?>|<[\d:.]+>")
_HTML = re.compile(r"</?(?:a|b|br|div|em|font|i|li|p|s|span|strong|sub|sup|u|ul)(?:[/\s][^<>]*)?>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|\w{2,31});", re.ASCII | re.IGNORECASE)
_POSITION = re.compile(r"\{\\[^{}]*\}")  # {\an8}, in SRT


def plain_cue(raw: str) -> str:
    """Text of a cue: no tags of WebVTT or SRT, entities decoded, single blanks."""
    if "<" in raw or "{" in raw:
        raw = _POSITION.sub("", _TAG.sub("", raw))
    return " ".join(html.unescape(raw).split())


def plain_label(raw: str) -> str:
    """Text of a label or a cell: no tags and entities of HTML, which some editors leave."""
    if "<" in raw:
        raw = _HTML.sub(" ", raw)
    return " ".join(_ENTITY.sub(lambda found: html.unescape(found[0]), raw).split())
