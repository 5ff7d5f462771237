"""Facts by column: whatever goes in comes out, and what all agree in is said once."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hilbert.store.facts import Facts, to_table

value = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1) | st.sampled_from([0.0, 1.0, "a", "all"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["rows", "same", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
facts = st.lists(st.dictionaries(st.sampled_from(["rows", "y"]), value), min_size=1, max_size=4)


@given(facts)
def test_what_goes_in_comes_out(about: list[dict[str, object]]) -> None:
    table = json.loads(json.dumps(to_table(about)))
    found = list(Facts(table, len(about)))
    assert json.dumps(found, sort_keys=True) == json.dumps(about, sort_keys=True)


def test_what_all_agree_in_is_said_once() -> None:
    about = [{"n": n, "options": {"window": 30.0, "speakers": ["A"]}} for n in range(3)]
    assert to_table(about) == {
        "same": {"options": {"window": 30.0, "speakers": ["A"]}},
        "each": {"n": [0, 1, 2]},
        "inner": {},
    }
