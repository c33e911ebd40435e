"""Text cut into pieces to be spoken."""

from hypothesis import given
from hypothesis import strategies as st

from auricle.pipeline.pieces import LONGEST, pieces


def test_sentences_are_pieces() -> None:
    assert pieces("It rains. Take a coat! Will you?") == ["It rains.", "Take a coat!", "Will you?"]


def test_abbreviations_initials_and_decimals_do_not_end_a_sentence() -> None:
    assert pieces("Mr. Smith owes J. Doe 3.50 dollars, e.g. for tea. He paid.") == [
        "Mr. Smith owes J. Doe 3.50 dollars, e.g. for tea.",
        "He paid.",
    ]


def test_the_first_clause_of_a_long_first_sentence_comes_first() -> None:
    text = "Good morning, here is the long forecast for the whole of today and tomorrow in the valley."
    assert pieces(text)[0] == "Good morning,"
    assert " ".join(pieces(text)) == text


def test_new_lines_end_a_sentence() -> None:
    assert pieces("milk\neggs\n\nbread") == ["milk", "eggs", "bread"]


def test_nothing_to_say_is_no_pieces() -> None:
    assert pieces(" \n ") == []


@given(st.text(max_size=900))
def test_nothing_is_lost_but_white_space_and_no_piece_is_too_long(text: str) -> None:
    found = pieces(text)
    assert all(0 < len(piece) <= LONGEST for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())
