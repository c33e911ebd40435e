"""What `/v1/audio/speech` and `/v1/audio/transcriptions` take: OpenAI's fields, with what fits."""

import contextlib
import io
import threading
from typing import Annotated, Literal
from uuid import uuid4

import numpy as np
import soundfile
from msgspec import Meta

from auricle.adapters import requests
from auricle.model.audio import OUTBOUND_RATE_HZ
from auricle.model.errors import BadRequest
from auricle.model.speech import SpeechRequest

STREAMED = {"wav": "audio/wav", "pcm": "audio/pcm"}
"""Formats that are sent as the sound is made, with their content types."""
_ENCODED = {
    "mp3": ("audio/mpeg", "MP3", "MPEG_LAYER_III"),
    "flac": ("audio/flac", "FLAC", "PCM_16"),
    "opus": ("audio/ogg", "OGG", "OPUS"),
}
"""Formats that are made of the whole sound: content type, and libsndfile's names."""
OPENAI_VOICES = frozenset("alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split())
"""Programs send one of these without being asked: they stand for the site's own voice."""

_Model = Annotated[str, Meta(min_length=1, max_length=128, description="the name of a model")]


class Speech(requests.Request, frozen=True, kw_only=True):
    """The body of `/v1/audio/speech`."""

    input: requests.Text
    model: _Model | None = None
    voice: (
        Annotated[str, Meta(min_length=1, max_length=128, description="the name of a voice, such as those in T/info")]
        | None
    ) = None
    response_format: Annotated[
        Literal["mp3", "wav", "flac", "opus", "pcm"],
        Meta(description='"mp3", "wav", "flac", "opus" or "pcm"'),
    ] = "mp3"
    speed: Annotated[float, Meta(ge=0.5, le=2, description="a number from 0.5 to 2; 1 is usual")] | None = None
    instructions: Annotated[str, Meta(max_length=4096, description="text of at most 4096 characters")] | None = None
    stream_format: Annotated[Literal["audio"], Meta(description='"audio"')] = "audio"
    language: requests.Language = None
    pitch: Annotated[float, Meta(ge=-12, le=12, description="a number of semitones from -12 to 12")] | None = None


class Transcription(requests.Request, frozen=True, kw_only=True):
    """The fields of `/v1/audio/transcriptions` beside `file`."""

    model: _Model | None = None
    language: requests.Language = None
    prompt: Annotated[str, Meta(max_length=4096, description="text of at most 4096 characters")] | None = None
    response_format: Annotated[
        Literal["json", "text", "srt", "vtt", "verbose_json"],
        Meta(description='"json", "text", "srt", "vtt" or "verbose_json"'),
    ] = "json"
    temperature: Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")] = 0.0
    stream: Annotated[Literal["false", "False", "0"], Meta(description="false")] = "false"
    timestamp_granularities: Annotated[Literal["segment"], Meta(description='"segment"')] = "segment"
    chunking_strategy: Annotated[Literal["auto"], Meta(description='"auto"')] = "auto"


def parse_speech(body: bytes) -> tuple[SpeechRequest, Speech]:
    """Raises BadRequest that names the field."""
    asked = requests.parse_object(body, Speech)
    if asked.response_format in _ENCODED:
        _, container, subtype = _ENCODED[asked.response_format]
        if not soundfile.check_format(container, subtype):
            raise BadRequest(
                f'response_format: this machine\'s libsndfile writes no {asked.response_format}; "wav" fits',
                field="response_format",
            )
    request = SpeechRequest(
        text=requests.plain(asked.input, "input"),
        id=str(uuid4()),
        voice=None if asked.voice in OPENAI_VOICES else asked.voice,
        language=asked.language,
        speed=asked.speed,
        pitch=asked.pitch,
    )
    return request, asked


def parse_transcription(fields: dict[str, str]) -> Transcription:
    """Fields as a form has them, all text. Raises BadRequest that names the field."""
    given: dict[str, object] = {name.removesuffix("[]"): value for name, value in fields.items() if value}
    with contextlib.suppress(ValueError):  # what is no number is refused below, by name
        given["temperature"] = float(fields.get("temperature") or 0)
    return requests.parse_fields(given, Transcription)


class Encoder:
    """Makes a whole file of outbound audio, piece by piece, so that no call takes long; for any thread."""

    def __init__(self, response_format: str) -> None:
        self.content_type, container, subtype = _ENCODED[response_format]
        self._file = io.BytesIO()
        self._sound = soundfile.SoundFile(self._file, "w", OUTBOUND_RATE_HZ, 1, subtype, format=container)
        self._lock = threading.Lock()
        """libsndfile crashes where a file is closed that is being written."""
        self.empty = True

    def write(self, pcm: bytes) -> None:
        with self._lock:
            self.empty = self.empty and not pcm
            self._sound.write(np.frombuffer(pcm, "<i2"))

    def finish(self) -> bytes:
        self.close()
        return self._file.getvalue()

    def close(self) -> None:
        with self._lock:
            self._sound.close()
