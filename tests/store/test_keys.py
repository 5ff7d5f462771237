"""Keys: equal inputs have equal keys, different ones different keys, in every process."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.store import keys
from hilbert.store.types import Segment

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def same(a: object, b: object) -> bool:
    """Equality that tells True from 1 and 1 from 1.0, as canonical JSON does."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    return type(a) is type(b) and repr(a) == repr(b)


@given(plain, plain)
def test_equal_values_and_only_they_have_equal_digests(a: object, b: object) -> None:
    assert (keys.digest("k", a) == keys.digest("k", b)) == same(a, b)


@given(st.dictionaries(st.text(), plain, max_size=6))
def test_the_order_of_names_does_not_matter(value: dict[str, object]) -> None:
    assert keys.digest("k", value) == keys.digest("k", dict(reversed(value.items())))


@given(st.text(), st.text(), st.text())
def test_nothing_collides_through_concatenation(a: str, b: str, c: str) -> None:
    if (a, b + c) != (a + b, c):
        assert keys.digest("k", [a, b + c]) != keys.digest("k", [a + b, c])
        assert keys.digest(a, b + c) != keys.digest(a + b, c)


def test_the_kind_and_the_salt_are_part_of_a_digest() -> None:
    digests = {
        keys.digest("a", 1),
        keys.digest("b", 1),
        keys.digest("a", 1, salt=b"x"),
        keys.digest("a", 1, salt=b"y"),
    }
    assert len(digests) == 4


def test_digests_are_the_same_in_every_process() -> None:
    code = "from hilbert.store import keys; print(keys.digest('k', {'b': [1.5, None], 'a': 'é'}))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert runs == {keys.digest("k", {"a": "é", "b": (1.5, None)})}


@dataclass(frozen=True)
class Opaque:
    inner: object


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, b"bytes", Opaque(object())])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        keys.digest("k", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_numbers_that_are_not_finite_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        keys.digest("k", value)


def test_boundaries_ignore_texts_and_texts_ignore_times() -> None:
    one = [Segment("text", "P", 0.0, 1.0, "hello", 1)]
    retimed = [Segment("text", "P", 0.5, 1.5, "hello", 1)]
    reworded = [Segment("text", "P", 0.0, 1.0, "goodbye", 1)]
    other_speaker = [Segment("text", "Q", 0.0, 1.0, "hello", 1)]
    assert keys.texts_digest(one, salt=b"s") == keys.texts_digest(retimed, salt=b"s")
    assert keys.texts_digest(one, salt=b"s") != keys.texts_digest(reworded, salt=b"s")
    assert keys.texts_digest(one, salt=b"s") != keys.texts_digest(one, salt=b"t")
    assert keys.boundaries_digest(one) == keys.boundaries_digest(reworded)
    assert keys.boundaries_digest(one) != keys.boundaries_digest(retimed)
    assert keys.boundaries_digest(one) != keys.boundaries_digest(other_speaker)


@given(plain)
def test_canonical_is_the_json_of_the_standard_library(value: object) -> None:
    assert keys.canonical(value) == json.dumps(value, sort_keys=True, separators=(",", ":"))


hexadecimal = st.none() | st.text("0123456789abcdef", min_size=1)


@given(hexadecimal, hexadecimal, st.text("0123456789abcdef"))
def test_the_key_of_segments_is_the_digest_of_its_parts(
    audio: str | None, transcript: str | None, cut: str
) -> None:
    assert keys.segment_key(audio, transcript, cut) == keys.digest(
        "segment", [audio, transcript, cut]
    )


Parts = tuple[str, str, str]
parts = st.tuples(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))


@given(parts, parts)
def test_feature_keys_are_equal_where_all_their_parts_are(one: Parts, other: Parts) -> None:
    assert (keys.audio_feature_key(*one) == keys.audio_feature_key(*other)) == (one == other)
    same_text = keys.text_feature_key(*one[:2]) == keys.text_feature_key(*other[:2])
    assert same_text == (one[:2] == other[:2])
    assert keys.audio_feature_key(*one) != keys.text_feature_key(*one[:2])


spans = st.lists(
    st.tuples(st.floats(0, 9), st.floats(10, 19), st.none() | st.text(max_size=3)), max_size=3
)


@given(spans, spans)
def test_boundaries_are_equal_where_spans_and_speakers_are(
    one: list[tuple[float, float, str | None]], other: list[tuple[float, float, str | None]]
) -> None:
    def of(found: list[tuple[float, float, str | None]]) -> str:
        return keys.boundaries_digest(Segment("audio", who, a, b) for a, b, who in found)

    assert (of(one) == of(other)) == (repr(one) == repr(other))


@given(st.lists(st.text(max_size=4), max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_texts_are_equal_where_each_text_is(one: list[str], other: list[str]) -> None:
    def of(texts: list[str], salt: bytes = b"s") -> str:
        return keys.texts_digest((Segment("text", text=text) for text in texts), salt=salt)

    assert (of(one) == of(other)) == (one == other)
    assert of(one) != of(one, b"t")


def test_keys_are_those_that_stores_hold() -> None:
    """Stores outlive the program: these were written once and must never come out otherwise."""
    found = [
        keys.digest("k", {"b": [1.5, None, True], "a": "é"}),
        keys.segment_key("ab", None, "cd"),
        keys.audio_feature_key("f", "a", "b"),
        keys.text_feature_key("f", "t"),
        keys.boundaries_digest([Segment("audio", "P", 0.5, 2.0)]),
        keys.texts_digest([Segment("text", text="hi")], salt=b"s"),
        keys.content_digest(b"rows", ["P"]),
    ]
    assert found == [
        "565afb1585b3699e0cc3c5eb5de29199551e4068",
        "4ba774c5a34adecb822a7fb5bd89d6243892b772",
        "fd7055df42f53e4cd531566f3405f4b0efa9ee3b",
        "a13e38df3b3ef64adc92224186ad660ab9775600",
        "7d70e68f309a29e899373ca6c355acf56120fbba",
        "68f32d973d41f0874963981556493a99d703ff59",
        "6982cb7f7e1f9a1847a149adce9a6c7369091363",
    ]
