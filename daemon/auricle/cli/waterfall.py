"""A recorded turn as a waterfall: what went on when, against the sound, as plain characters or as an SVG file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from auricle.model.audio import INBOUND_RATE_HZ
from auricle.traces import Step, Trace

_NAMED = 22
"""Columns of the names."""
_BAR_HEIGHT, _NAMES_WIDTH, _PLOT_WIDTH, _TIMES_WIDTH = 22, 170, 720, 190
_COLORS = {"speech": "#4c78a8", "pause": "#9ecae9", "speculation": "#f2a65a", "wait": "#bab0ac", "reply": "#59a14f"}


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took from one time to another, in ms since the sample where the wake word ended."""

    name: str
    from_ms: float
    to_ms: float
    kind: str = "stage"
    note: str = ""


def bars(trace: Trace) -> list[Bar]:
    """What happened in a turn, in its order.

    Speech and pauses are where they are in the sound, to the sample; the rest is when it was told, on the same axis:
    sound arrives a little later than it is spoken.
    """
    ended, heard = _step(trace, "endpoint"), _step(trace, "transcribe")
    wake = _step(trace, "wake")
    shift_ms = _shift_ms(trace, heard)
    found = []
    if wake is not None:
        found.append(Bar("wake", 0.0, wake.after_ms + shift_ms, "wait", str(wake.decision.get("wake_word", ""))))
    if ended is not None:
        first, last = (_at_ms(trace, ended.decision.get(name)) for name in ("first_sample", "last_sample"))
        found.append(Bar("speech", first, last, "speech"))
        found += _attempts(trace, shift_ms)
        found.append(Bar("end of speech", last, ended.after_ms + shift_ms, "wait", str(ended.decision.get("reason"))))
    before = ended
    for name, stage in (("transcript", "transcribe"), ("intent", "intent")):
        step = _step(trace, stage)
        if step is not None and before is not None:
            note = str(step.decision.get("text" if stage == "transcribe" else "name") or "")
            found.append(Bar(name, before.after_ms + shift_ms, step.after_ms + shift_ms, note=note))
        before = step or before
    return found + list(_speech(trace, before, shift_ms))


def text(trace: Trace, width: int = 100) -> Iterator[str]:
    """Lines of plain characters."""
    found = bars(trace)
    first, last = _range(found)
    room = max(20, width - _NAMED - 24)
    for bar in found:
        begin = round((bar.from_ms - first) / (last - first) * room)
        length = max(1, round((bar.to_ms - first) / (last - first) * room) - begin)
        drawn = f"{' ' * begin}{_mark(bar) * length}"[:room].ljust(room)
        times = f"{bar.from_ms:7.0f} {bar.to_ms - bar.from_ms:+7.0f} ms"
        yield f"{_label(bar)[:_NAMED]:<{_NAMED}} |{drawn}|{times}".rstrip()


def svg(trace: Trace) -> str:
    """A picture that any browser shows."""
    found = bars(trace)
    first, last = _range(found)
    width = _NAMES_WIDTH + _PLOT_WIDTH + _TIMES_WIDTH
    height = (len(found) + 2) * _BAR_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="6" y="15">turn {escape(trace.turn)}: {escape(trace.outcome)}</text>',
    ]
    for row, bar in enumerate(found, 1):
        x = _NAMES_WIDTH + (bar.from_ms - first) / (last - first) * _PLOT_WIDTH
        long = max(2.0, (bar.to_ms - bar.from_ms) / (last - first) * _PLOT_WIDTH)
        y = row * _BAR_HEIGHT
        color = _COLORS.get(bar.kind, "#e15759")
        times = f"{bar.from_ms:.0f} ms, {bar.to_ms - bar.from_ms:+.0f} ms"
        parts.append(f'<text x="6" y="{y + 15}">{escape(_label(bar))}</text>')
        parts.append(f'<rect x="{x:.1f}" y="{y + 3}" width="{long:.1f}" height="{_BAR_HEIGHT - 6}" fill="{color}">')
        parts.append(f"<title>{escape(bar.note or bar.name)}</title></rect>")
        parts.append(f'<text x="{_NAMES_WIDTH + _PLOT_WIDTH + 8}" y="{y + 15}">{times}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _attempts(trace: Trace, shift_ms: float) -> Iterator[Bar]:
    """Each pause at which speech to text began ahead, and what became of that."""
    begun: Step | None = None
    for step in trace.steps:
        if step.stage != "speculate":
            continue
        status = step.decision.get("status")
        if status == "started":
            begun = step
            pause_ms = _at_ms(trace, step.input.get("last_sample"))
            yield Bar("pause", pause_ms, step.after_ms + shift_ms, "pause")
        elif begun is not None:
            note = f"{status} {step.decision.get('standing') or ''}".strip()
            yield Bar("speculation", begun.after_ms + shift_ms, step.after_ms + shift_ms, "speculation", note)
            begun = None


def _speech(trace: Trace, before: Step | None, shift_ms: float) -> Iterator[Bar]:
    for step in trace.steps:
        if step.stage == "speech" and before is not None:
            status = step.decision.get("status")
            if status == "started":
                yield Bar("first sound", before.after_ms + shift_ms, step.after_ms + shift_ms, "wait")
                before = step
            elif status != "queued":
                yield Bar("reply", before.after_ms + shift_ms, step.after_ms + shift_ms, "reply", str(status))
                return


def _shift_ms(trace: Trace, heard: Step | None) -> float:
    """What is to be added to times since the wake event for times since the sample where the word ended."""
    last, latency_ms = (heard.input.get("last_sample"), heard.decision.get("latency_ms")) if heard else (None, None)
    if heard is None or last is None or latency_ms is None:
        return 0.0
    return _at_ms(trace, last) + float(latency_ms) - heard.after_ms


def _at_ms(trace: Trace, sample: object) -> float:
    return (int(str(sample)) - trace.listens_from) * 1000 / INBOUND_RATE_HZ


def _step(trace: Trace, stage: str) -> Step | None:
    return next((step for step in trace.steps if step.stage == stage), None)


def _range(found: Sequence[Bar]) -> tuple[float, float]:
    first = min([0.0, *(bar.from_ms for bar in found)])
    return first, max([first + 1.0, *(bar.to_ms for bar in found)])


def _label(bar: Bar) -> str:
    return f"{bar.name} ({bar.note})" if bar.note and bar.kind == "speculation" else bar.name


def _mark(bar: Bar) -> str:
    return {"speech": "#", "pause": ".", "speculation": "~", "wait": "-", "reply": "="}.get(bar.kind, "*")
