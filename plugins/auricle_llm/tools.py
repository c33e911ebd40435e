"""The loaded intents as tools of a model: their names and parameters, and what it calls, as intents again."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from auricle.api import BadRequest, KnownIntent, KnownSlot

MOST_TOOLS = 128
_MOST_CHOICES = 100
_MOST_TEMPLATES = 3
_NAME = re.compile(r"[^A-Za-z0-9_-]")


class Tools:
    """What a model may call."""

    def __init__(self, intents: Sequence[KnownIntent]) -> None:
        self._intents: dict[str, KnownIntent] = {}
        for intent in intents[:MOST_TOOLS]:
            name = _NAME.sub("_", f"{intent.plugin}__{intent.name}")[:60]
            while name in self._intents:
                name += "_"
            self._intents[name] = intent

    def told(self) -> list[dict[str, Any]]:
        """The tools as the protocol has them."""
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": _description(intent),
                    "parameters": {
                        "type": "object",
                        "properties": {slot: _schema(known) for slot, known in intent.slots.items()},
                        "required": [slot for slot, known in intent.slots.items() if known.required],
                    },
                },
            }
            for name, intent in self._intents.items()
        ]

    def called(self, name: str, arguments: str) -> tuple[KnownIntent, Mapping[str, object]]:
        """The intent and its slots. Raises BadRequest with a sentence for the model."""
        intent = self._intents.get(name)
        if intent is None:
            raise BadRequest(f"there is no tool {name}")
        try:
            slots = json.loads(arguments or "{}")
        except ValueError as error:
            raise BadRequest(f"{name}: the arguments are no JSON: {error}") from None
        if not isinstance(slots, dict):
            raise BadRequest(f"{name}: the arguments are no object")
        return intent, {slot: value for slot, value in slots.items() if value not in (None, "")}


def _description(intent: KnownIntent) -> str:
    said = "; ".join(intent.templates[:_MOST_TEMPLATES])
    return f"{intent.name.replace('_', ' ')} ({intent.plugin}). Said as: {said}"[:1000]


def _schema(slot: KnownSlot) -> dict[str, Any]:
    if slot.lowest is not None:
        return {"type": "integer", "minimum": slot.lowest, "maximum": slot.highest}
    if slot.choices and len(slot.choices) <= _MOST_CHOICES:
        return {"type": "string", "enum": list(slot.choices)}
    return {"type": "string"}
