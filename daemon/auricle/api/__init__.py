"""All that a plugin may import."""

from auricle.api.engines import (
    EngineSpec,
    PipStep,
    Recipe,
    SttEngine,
    TtsEngine,
    VadEngine,
    Voice,
    WakeEngine,
    WakeScore,
    WakeWordChoice,
)
from auricle.api.hookspecs import hookimpl
from auricle.api.plugin import PluginConfig, PluginContext, Sentences
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AuricleError, BadRequest, EngineError, EngineUnavailable, NotConnected, PluginError
from auricle.model.events import Event
from auricle.model.intent import Intent, Reply, Transcript
from auricle.model.speech import SynthesisRequest
from auricle.model.turn import Turn

__all__ = [
    "INBOUND_RATE_HZ",
    "OUTBOUND_RATE_HZ",
    "SAMPLE_BYTES",
    "AudioFrame",
    "AuricleError",
    "BadRequest",
    "EngineError",
    "EngineSpec",
    "EngineUnavailable",
    "Event",
    "Intent",
    "NotConnected",
    "PipStep",
    "PluginConfig",
    "PluginContext",
    "PluginError",
    "Recipe",
    "Reply",
    "Sentences",
    "SttEngine",
    "SynthesisRequest",
    "Transcript",
    "TtsEngine",
    "Turn",
    "VadEngine",
    "Voice",
    "WakeEngine",
    "WakeScore",
    "WakeWordChoice",
    "hookimpl",
]
