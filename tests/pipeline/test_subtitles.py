"""Subtitles are what players take: numbered or headed, short, in order, escaped."""

from itertools import pairwise

import pytest

from auricle.pipeline.recordings import Segment
from auricle.pipeline.subtitles import LINE, LINES, cues, srt, vtt

TWO = [Segment(0.224, 1.5, "Set a timer."), Segment(3661.0004, 3662.9996, "Fish & <chips> --> here")]


def test_srt() -> None:
    assert srt(TWO) == (
        "1\n00:00:00,224 --> 00:00:01,500\nSet a timer.\n\n2\n01:01:01,000 --> 01:01:03,000\nFish & <chips> → here\n\n"
    )


def test_vtt() -> None:
    assert vtt(TWO) == (
        "WEBVTT\n\n00:00:00.224 --> 00:00:01.500\nSet a timer.\n\n"
        "01:01:01.000 --> 01:01:03.000\nFish &amp; &lt;chips&gt; → here\n\n"
    )


def test_nothing_said_is_no_subtitle() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n\n"


def test_a_long_segment_is_divided_by_the_length_of_its_words() -> None:
    text = "You have successfully installed the open source telephone exchange. " * 5 + "x" * 300
    found = list(cues([Segment(10, 50, text.strip())]))
    assert " ".join(cue.text for cue in found) == text.strip()
    assert (found[0].start_s, found[-1].end_s) == (10, pytest.approx(50))
    assert all(first.end_s == second.start_s for first, second in pairwise(found))
    assert all(len(cue.text) <= LINE * LINES for cue in found[:-1])
    assert [cue.text[-1] for cue in found[:5]] == ["."] * 5
    lengths = [(cue.end_s - cue.start_s) / len(cue.text) for cue in found]
    assert max(lengths) == pytest.approx(min(lengths))
