"""What a client may ask, read from Wyoming events and checked; and what is said of an engine in `info`."""

from collections.abc import Mapping, Sequence

import auricle
from auricle.api.engines import EngineSpec, Voice
from auricle.engines.messages import (
    EXTRAS,
    AsrModel,
    AsrProgram,
    Attribution,
    AudioStart,
    Event,
    Info,
    TtsProgram,
    TtsVoice,
)
from auricle.model.errors import BadRequest
from auricle.model.speech import SynthesisRequest

_NOBODY = Attribution(name="", url="")


def describe(spec: EngineSpec, voices: Sequence[Voice]) -> Info:
    name, description, languages = spec.name, spec.description or spec.name, list(spec.languages)
    version = auricle.__version__
    if spec.kind == "stt":
        model = AsrModel(name, _NOBODY, True, description, version, languages)
        return Info(asr=[AsrProgram(name, _NOBODY, True, description, version, [model])])
    spoken = [
        TtsVoice(voice.name, _NOBODY, True, voice.description or voice.name, version, [voice.language])
        for voice in voices
    ]
    return Info(tts=[TtsProgram(name, _NOBODY, True, description, version, spoken)])


def synthesis_request(event: Event) -> SynthesisRequest:
    """Raises BadRequest naming the field that does not fit."""
    voice = _table(event.data, "voice")
    extras = _table(event.data, EXTRAS)
    text = _string(event.data, "text")
    if not text or not text.strip():
        raise BadRequest("synthesize has no text", field="text")
    speed = extras.get("speed", 1.0)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.5 <= speed <= 2:
        raise BadRequest("speed is no number from 0.5 to 2", field="speed")
    pitch = extras.get("pitch", 0.0)
    if isinstance(pitch, bool) or not isinstance(pitch, int | float) or not -12 <= pitch <= 12:
        raise BadRequest("pitch is no number from -12 to 12", field="pitch")
    return SynthesisRequest(
        text=text,
        voice=_string(voice, "name"),
        language=_string(extras, "language") or _string(voice, "language"),
        speed=float(speed),
        pitch=float(pitch),
        options=_table(extras, "options"),
    )


def transcription(event: Event) -> tuple[str | None, bool]:
    """The language asked for, and whether partials are. Raises BadRequest."""
    return _string(event.data, "language"), _table(event.data, EXTRAS).get("partials") is True


def audio_format(event: Event) -> AudioStart:
    """Of an audio-start or audio-chunk. Raises BadRequest."""
    numbers = [event.data.get(key) for key in ("rate", "width", "channels")]
    match numbers:
        case [int(rate), int(width), int(channels)]:
            return AudioStart(rate=rate, width=width, channels=channels)
    raise BadRequest(f"{event.type} lacks rate, width or channels", field="rate")


def _table(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    table = fields.get(key)
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise BadRequest(f"{key} is no object", field=key)
    return table


def _string(fields: Mapping[str, object], key: str) -> str | None:
    text = fields.get(key)
    if text is not None and not isinstance(text, str):
        raise BadRequest(f"{key} is no string", field=key)
    return text or None
