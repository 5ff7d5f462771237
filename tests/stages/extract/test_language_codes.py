import pytest

from hilbert.stages.extract.language_codes import language_code


@pytest.mark.parametrize(
    ("spelt", "code"),
    [
        ("en", "en"),
        ("en-US", "en"),
        ("EN_gb", "en"),
        (" English ", "en"),
        ("eng", "en"),
        ("deu", "de"),
        ("German", "de"),
        ("sv", "sv"),
        ("Spanish", "es"),
        ("zho-Hans", "zh"),
        ("enm", "enm"),
        ("English (US)", "en"),
        ("American English", "en"),
        ("Deutsch", "de"),
        ("Español (México)", "es"),
        ("sign language", "sign"),
        ("", ""),
    ],
)
def test_spellings_of_a_language(spelt: str, code: str) -> None:
    assert language_code(spelt) == code
