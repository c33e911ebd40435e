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
from auricle.api.plugin import Adapter, Command, PluginConfig, PluginContext, Sentences
from auricle.api.services import Answered, Assistant, KnownIntent, KnownSlot, Scheduled, Scheduler, Spoken
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.engine_faults import engine_fault
from auricle.model.errors import (
    AuricleError,
    BadRequest,
    EngineError,
    EngineOutOfMemory,
    EngineUnavailable,
    EngineWrecked,
    NotConnected,
    PluginError,
)
from auricle.model.events import Event, SpeechChanged, StopAsked, TimerChanged, WakeHeard
from auricle.model.intent import Expected, Intent, Question, Reply, Transcript
from auricle.model.speech import SynthesisRequest
from auricle.model.turn import Turn

__all__ = [
    "INBOUND_RATE_HZ",
    "OUTBOUND_RATE_HZ",
    "SAMPLE_BYTES",
    "Adapter",
    "Answered",
    "Assistant",
    "AudioFrame",
    "AuricleError",
    "BadRequest",
    "Command",
    "EngineError",
    "EngineOutOfMemory",
    "EngineSpec",
    "EngineUnavailable",
    "EngineWrecked",
    "Event",
    "Expected",
    "Intent",
    "KnownIntent",
    "KnownSlot",
    "NotConnected",
    "PipStep",
    "PluginConfig",
    "PluginContext",
    "PluginError",
    "Question",
    "Recipe",
    "Reply",
    "Scheduled",
    "Scheduler",
    "Sentences",
    "SpeechChanged",
    "Spoken",
    "StopAsked",
    "SttEngine",
    "SynthesisRequest",
    "TimerChanged",
    "Transcript",
    "TtsEngine",
    "Turn",
    "VadEngine",
    "Voice",
    "WakeEngine",
    "WakeHeard",
    "WakeScore",
    "WakeWordChoice",
    "engine_fault",
    "hookimpl",
]
