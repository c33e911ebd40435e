"""Segments of a recording as subtitles: SubRip (SRT) and WebVTT."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace

from auricle.pipeline.recordings import Segment

LINE = 42
"""Characters in a line of a subtitle."""
LINES = 2


def srt(segments: Iterable[Segment]) -> str:
    """SubRip: numbered, times with a comma."""
    return "".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_lines(cue.text)}\n\n"
        for number, cue in enumerate(cues(segments), 1)
    )


def vtt(segments: Iterable[Segment]) -> str:
    """WebVTT: a header, times with a point, markup escaped."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{_escaped(_lines(cue.text))}\n\n"
        for cue in cues(segments)
    )


def cues(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Yield the segments; one that is too long to be read at once is divided, its time by the length of the words.

    So times inside a segment are estimates; where a segment begins and ends was heard.
    """
    for segment in segments:
        pieces = _pieces(segment.text)
        total = sum(len(piece) for piece in pieces)
        start_s = segment.start_s
        for piece in pieces:
            end_s = start_s + (segment.end_s - segment.start_s) * len(piece) / total
            yield replace(segment, start_s=start_s, end_s=end_s, text=piece)
            start_s = end_s


def _pieces(text: str) -> list[str]:
    """What fits into a subtitle each; a piece ends with a sentence if its later half has an end of one."""
    pieces: list[str] = []
    held = ""
    for word in text.replace("-->", "→").split():
        together = f"{held} {word}".strip()
        if held and (len(textwrap.wrap(together, LINE)) > LINES or (len(held) >= LINE and held[-1] in ".?!…。？！")):
            pieces.append(held)
            held = word
        else:
            held = together
    return [*pieces, held] if held else pieces


def _lines(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE))


def _clock(seconds: float, point: str) -> str:
    whole_s, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole_s // 3600:02}:{whole_s // 60 % 60:02}:{whole_s % 60:02}{point}{milliseconds:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
