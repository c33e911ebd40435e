"""How a command was understood, as `auricle ask --explain` tells it."""

from typing import TYPE_CHECKING

from auricle.pipeline.recognition import Hearing, Recognition

if TYPE_CHECKING:
    from auricle.api import Intent, Reply

_HOW = {
    "words": "by its words",
    "near_miss": "as a near miss of a sentence's words",
    "sound": "by its sound",
    "plugin": "by a plugin's own understanding",
    "none": "not at all",
}


def told(recognition: Recognition, reply: "Reply") -> list[str]:
    """For people: lines."""
    lines = [f"understood  {_HOW[recognition.how]}: {recognition.reason}"]
    if recognition.intent is not None:
        lines.append(f"intent      {_named(recognition.intent)}, score {recognition.intent.score:.3f}")
    lines.append(f"answered    by {reply.handled_by}" if reply.handled_by else "answered    by nobody")
    return lines + _sounds(recognition.hearing)


def _sounds(hearing: Hearing | None) -> list[str]:
    if hearing is None or not hearing.candidates:
        return []
    asked = any(candidate.likelihood is not None for candidate in hearing.candidates)
    lines = [f"sounds like (distance per phoneme{', log probability by the decoder' if asked else ''})"]
    for candidate in hearing.candidates:
        likelihood = ""
        if asked:
            likelihood = "       -" if candidate.likelihood is None else f"{candidate.likelihood:8.2f}"
        lines.append(f"  {candidate.distance:.3f}{likelihood}  {candidate.sentence}  [{_named(candidate.intent)}]")
    return lines


def _named(intent: "Intent") -> str:
    slots = ", ".join(f"{name}={value!r}" for name, value in intent.slots.items())
    return f"{intent.plugin}: {intent.name}({slots})"
