"""What has been heard of a speech that is cut: whole sentences, and of the cut one the words there was time for."""

from auricle.pipeline.so_far import SoFar


def story() -> SoFar:
    told = SoFar(started_s=100.0)
    told.piece("One two three four.")
    told.made(2.0)
    told.piece("Five six seven eight.")
    told.made(1.5)
    told.made(0.5)
    return told


def test_nothing_is_heard_before_it_starts() -> None:
    told = story()
    told.started_s = None
    assert told.heard(200.0) == ""


def test_a_sentence_that_is_cut_is_heard_as_far_as_it_came() -> None:
    assert story().heard(101.0) == "One two"
    assert story().heard(103.0) == "One two three four. Five six"


def test_all_is_heard_at_the_end() -> None:
    assert story().heard(110.0) == "One two three four. Five six seven eight."
