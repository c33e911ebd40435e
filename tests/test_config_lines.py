"""The place of each key in a TOML text."""

import tomllib
from collections.abc import Iterator

import hypothesis.strategies as st
from hypothesis import given, settings

from auricle.config.lines import key_lines
from auricle.config.toml import Place, key_text, value_text

TEXT = '''\
top = 1
"quoted.key" = { a = 1, b = { c = [1, { d = 2 }] } } # not = a key

[one . two]
three = """
four = 4
[five]
\\""" still "text" """
'lit"' = \'\'\'
x = 1
\'\'\'
six.seven = [
  # none = 1
  "a]", 'b#',
  [1, 2],
]
[[list]]
at = 1979-05-27 07:32:00
[list.inner]
x = true
[[list]]
at = 07:32:00
[[list.deep]]
y = "\\\\"
z = "#"
'''


def test_keys_are_found_on_their_lines() -> None:
    tomllib.loads(TEXT)
    lines = key_lines(TEXT)
    expected: dict[Place, int] = {
        ("top",): 1,
        ("quoted.key",): 2,
        ("quoted.key", "b", "c", 1, "d"): 2,
        ("one", "two"): 4,
        ("one", "two", "three"): 5,
        ("one", "two", 'lit"'): 9,
        ("one", "two", "six", "seven"): 12,
        ("one", "two", "six", "seven", 1): 14,
        ("one", "two", "six", "seven", 2, 1): 15,
        ("list", 0): 17,
        ("list", 0, "at"): 18,
        ("list", 0, "inner", "x"): 20,
        ("list", 1): 21,
        ("list", 1, "at"): 22,
        ("list", 1, "deep", 0, "y"): 24,
        ("list", 1, "deep", 0, "z"): 25,
    }
    assert {place: lines.get(place) for place in expected} == expected
    assert set(lines) == set(places(tomllib.loads(TEXT), ()))


def places(value: object, place: Place) -> Iterator[Place]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*place, key))


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.floats() | KEYS | st.datetimes() | st.dates() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


@given(TABLES, TABLES, st.lists(TABLES, max_size=2))
@settings(max_examples=100, deadline=None)
def test_every_key_of_any_text_is_found(top: dict[str, object], table: dict[str, object], listed: list[object]) -> None:
    text = "".join(f"{key_text(key)} = {value_text(value)}\n" for key, value in top.items() if key not in ("t", "l"))
    text += "[t]\n" + "".join(f"{key_text(key)} = {value_text(value)} # x = 1\n" for key, value in table.items())
    for one in listed:
        assert isinstance(one, dict)
        text += "[[l]]\n" + "".join(f"{key_text(key)} = {value_text(value)}\n" for key, value in one.items())
    assert set(key_lines(text)) == set(places(tomllib.loads(text), ()))
