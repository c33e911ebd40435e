"""The JSON Schema of every MQTT payload that is a JSON object: what is taken, and what is sent."""

from typing import Any

import msgspec

from auricle.adapters import payloads, requests
from auricle.adapters.mqtt_pool import Member

TAKEN: tuple[type[requests.Request], ...] = (
    requests.Say,
    requests.Ask,
    requests.Listen,
    requests.Stop,
    requests.Transcribe,
)
SENT: tuple[type[msgspec.Struct], ...] = (
    payloads.State,
    payloads.Wake,
    payloads.Partial,
    payloads.TranscriptHeard,
    payloads.IntentFound,
    payloads.Speech,
    payloads.Timer,
    payloads.Quality,
    payloads.Error,
    payloads.SpeechAnswer,
    payloads.ReplyAnswer,
    payloads.ListenAnswer,
    payloads.StopAnswer,
    payloads.TranscriptAnswer,
    payloads.SetAnswer,
    Member,
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """One document with a definition a type; `taken` and `sent` say which are which.

    It matches any of them, as a whole; a single payload is checked against `#/$defs/Say` and the like.
    """
    _, definitions = msgspec.json.schema_components(
        (*TAKEN, *SENT), ref_template="#/$defs/{name}", schema_hook=_anything
    )
    for definition in definitions.values():
        _portable(definition)
    return {
        "$schema": _DIALECT,
        "title": "Payloads of Auricle over MQTT",
        "description": (
            "T is <mqtt.topic_prefix>/<site.id>. Payloads that are plain words, numbers or sound are in docs/mqtt.md."
        ),
        "anyOf": [{"$ref": "#/$defs/taken"}, {"$ref": "#/$defs/sent"}],
        "$defs": {
            "taken": {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in TAKEN]},
            "sent": {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in SENT]},
            **definitions,
        },
    }


def _portable(part: Any) -> None:
    """Patterns are ECMA's there, which has no `\\Z`: its `$` is the end alone."""
    if isinstance(part, dict):
        if isinstance(pattern := part.get("pattern"), str):
            part["pattern"] = pattern.replace("\\Z", "$")
        for below in part.values():
            _portable(below)
    elif isinstance(part, list):
        for below in part:
            _portable(below)


def _anything(kind: type) -> dict[str, Any]:
    """A plugin's slots hold what it likes. As msgspec's `schema_hook`: NotImplementedError says "not one of mine"."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "anything that JSON can say"}
