"""What a client may ask, read from Wyoming events and checked; and what is said of an engine in `info`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import auricle
from auricle.api.engines import EngineSpec, TtsEngine, Voice
from auricle.engines.messages import (
    EXTRAS,
    MOST_WEIGHED,
    AsrModel,
    AsrProgram,
    Attribution,
    AudioChunk,
    AudioStart,
    Event,
    Info,
    TranscriptMessage,
    TtsProgram,
    TtsVoice,
)
from auricle.model.audio import SAMPLE_BYTES
from auricle.model.errors import BadRequest
from auricle.model.intent import LONGEST_PHRASE, MOST_PHRASES, Expected, Transcript
from auricle.model.speech import SynthesisRequest

_NOBODY = Attribution(name="", url="")
_LONGEST_TEXT = 1000
"""Characters of a text whose likelihood is asked for."""


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


@dataclass(frozen=True, slots=True)
class Transcription:
    """How the next utterance is to be heard."""

    language: str | None = None
    partials: bool = False
    expected: Expected | None = None


def transcription(event: Event) -> Transcription:
    """Raises BadRequest naming the field that does not fit."""
    extras = _table(event.data, EXTRAS)
    return Transcription(_string(event.data, "language"), extras.get("partials") is True, _expected(extras))


def _expected(extras: Mapping[str, object]) -> Expected | None:
    told = _table(extras, "expected")
    language, phrases = _string(told, "language"), told.get("phrases")
    if not told or not phrases:
        return None
    if not isinstance(phrases, list) or len(phrases) > MOST_PHRASES or language is None:
        raise BadRequest(
            f"expected is no language with a list of at most {MOST_PHRASES} phrases in it", field="expected"
        )
    if not all(isinstance(phrase, str) and len(phrase) <= LONGEST_PHRASE for phrase in phrases):
        raise BadRequest(f"a phrase in expected is no string of at most {LONGEST_PHRASE} characters", field="expected")
    return Expected(language, tuple(phrases))


def weighing(event: Event) -> tuple[str, tuple[str, ...]]:
    """The utterance that is asked about, and the texts. Raises BadRequest."""
    utterance, texts = _string(event.data, "utterance"), event.data.get("texts")
    if utterance is None:
        raise BadRequest("utterance is missing", field="utterance")
    if not isinstance(texts, list) or not 1 <= len(texts) <= MOST_WEIGHED:
        raise BadRequest(f"texts is no list of 1 to {MOST_WEIGHED} texts", field="texts")
    found = tuple(text.strip() for text in texts if isinstance(text, str) and len(text) <= _LONGEST_TEXT)
    if len(found) < len(texts) or not all(found):
        raise BadRequest(f"texts has something that is no text of 1 to {_LONGEST_TEXT} characters", field="texts")
    return utterance, found


def audio_format(event: Event) -> AudioStart:
    """Of an audio-start or audio-chunk. Raises BadRequest."""
    numbers = [event.data.get(key) for key in ("rate", "width", "channels")]
    match numbers:
        case [int(rate), int(width), int(channels)]:
            return AudioStart(rate=rate, width=width, channels=channels)
    raise BadRequest(f"{event.type} lacks rate, width or channels", field="rate")


def transcript(final: Transcript) -> Event:
    """A final one, as it is sent; what Wyoming has no word for, others ignore."""
    event = TranscriptMessage(text=final.text, language=final.language).event()
    if final.confidence is not None:
        event.data["confidence"] = final.confidence
    if final.alternatives:
        event.data["alternatives"] = list(final.alternatives)
    if final.utterance:
        event.data[EXTRAS] = {"utterance": final.utterance}
    return event


def start_of_speech(rate_hz: int, request: SynthesisRequest, engine: TtsEngine) -> Event:
    """Says the pace and the pitch too, if the engine kept them: without that word the daemon shapes."""
    event = AudioStart(rate=rate_hz, width=SAMPLE_BYTES, channels=1, timestamp=0).event()
    extras: dict[str, object] = {"streams": engine.streams}
    if engine.native_speed:
        extras["speed"] = request.speed
    if engine.native_pitch:
        extras["pitch"] = request.pitch
    event.data[EXTRAS] = extras
    return event


def chunk(pcm: bytes, rate_hz: int, position: int) -> Event:
    """A piece of speech. position: in samples, from its start."""
    timestamp = position * 1000 // rate_hz
    return AudioChunk(rate=rate_hz, width=SAMPLE_BYTES, channels=1, audio=pcm, timestamp=timestamp).event()


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
