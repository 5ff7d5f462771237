"""Codes of languages, however a corpus spells them."""

_NAMES = {
    "ar": ("arabic", "ara"),
    "da": ("danish", "dan"),
    "de": ("german", "deu", "ger"),
    "en": ("english", "eng"),
    "es": ("spanish", "spa"),
    "fi": ("finnish", "fin"),
    "fr": ("french", "fra", "fre"),
    "hi": ("hindi", "hin"),
    "it": ("italian", "ita"),
    "ja": ("japanese", "jpn"),
    "ko": ("korean", "kor"),
    "nl": ("dutch", "nld", "dut"),
    "no": ("norwegian", "nor"),
    "pl": ("polish", "pol"),
    "pt": ("portuguese", "por"),
    "ro": ("romanian", "ron", "rum"),
    "ru": ("russian", "rus"),
    "sv": ("swedish", "swe"),
    "tr": ("turkish", "tur"),
    "zh": ("chinese", "mandarin", "cmn", "zho", "chi"),
}
"""Other spellings of the languages that are most often named."""
_CODES = {name: code for code, names in _NAMES.items() for name in names}


def language_code(language: str) -> str:
    """``en`` of ``en``, ``en-US``, ``EN_gb``, ``eng`` or ``English``."""
    first = language.strip().lower().replace("_", "-").partition("-")[0].strip()
    return _CODES.get(first, first)
