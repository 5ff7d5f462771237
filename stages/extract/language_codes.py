"""Codes of languages, however a corpus spells them."""

_NAMES = {
    "ar": ("arabic", "ara"),
    "da": ("danish", "dan", "dansk"),
    "de": ("german", "deu", "ger", "deutsch"),
    "en": ("english", "eng"),
    "es": ("spanish", "spa", "español"),
    "fi": ("finnish", "fin", "suomi"),
    "fr": ("french", "fra", "fre", "français"),
    "hi": ("hindi", "hin"),
    "it": ("italian", "ita", "italiano"),
    "ja": ("japanese", "jpn"),
    "ko": ("korean", "kor"),
    "nl": ("dutch", "nld", "dut", "nederlands"),
    "no": ("norwegian", "nor", "norsk"),
    "pl": ("polish", "pol", "polski"),
    "pt": ("portuguese", "por", "português"),
    "ro": ("romanian", "ron", "rum"),
    "ru": ("russian", "rus"),
    "sv": ("swedish", "swe", "svenska"),
    "tr": ("turkish", "tur", "türkçe"),
    "zh": ("chinese", "mandarin", "cmn", "zho", "chi"),
}
"""Other spellings of the languages that are most often named."""
_CODES = {name: code for code, names in _NAMES.items() for name in names}


def language_code(language: str) -> str:
    """``en`` of ``en``, ``en-US``, ``EN_gb``, ``eng``, ``English (US)`` or ``American English``."""
    spelt = language.casefold().replace("_", "-").partition("(")[0].strip()
    words = spelt.partition("-")[0].split() or [spelt]
    return next((_CODES[word] for word in (words[0], words[-1]) if word in _CODES), words[0])
