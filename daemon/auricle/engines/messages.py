"""Wyoming's message types in one place: the `wyoming` package's own, so that both ends mean the same."""

import warnings

from wyoming.asr import Transcribe, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.asr import Transcript as TranscriptMessage
from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeVoice

with warnings.catch_warnings():
    # On Python 3.11 and 3.12 these two import the deprecated audioop; nothing that needs it is used here.
    warnings.simplefilter("ignore", DeprecationWarning)
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.info import (
        AsrModel,
        AsrProgram,
        Attribution,
        Describe,
        Info,
        TtsProgram,
        TtsVoice,
    )

__all__ = [
    "EXTRAS",
    "MOST_WEIGHED",
    "WEIGH",
    "WEIGHED",
    "AsrModel",
    "AsrProgram",
    "Attribution",
    "AudioChunk",
    "AudioStart",
    "AudioStop",
    "Describe",
    "Error",
    "Event",
    "Info",
    "Ping",
    "Pong",
    "Synthesize",
    "SynthesizeVoice",
    "Transcribe",
    "TranscriptChunk",
    "TranscriptMessage",
    "TranscriptStart",
    "TranscriptStop",
    "TtsProgram",
    "TtsVoice",
]

WEIGH, WEIGHED = "auricle-weigh", "auricle-weighed"
"""Types of two events of Auricle's own: how likely is each of these texts, given the sound of that utterance?

Asked with `utterance` (from the extras of a transcript) and `texts`; answered with `likelihoods`, as many, or an error.
"""
MOST_WEIGHED = 8
"""Texts that may be asked about at once."""
EXTRAS = "auricle"
"""Key in an event's data under which Auricle's own additions stand; other programs ignore it."""
