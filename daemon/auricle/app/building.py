"""How the parts of the pipeline are made from the configuration; `daemon.py` starts and stops them."""

import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from auricle import __version__
from auricle.api import EngineSpec, VadEngine, WakeEngine, WakeWordChoice
from auricle.config import cache_dir
from auricle.engines.chain import FallbackStt
from auricle.engines.fleet import Fleet
from auricle.engines.inprocess import make_vad, make_wake
from auricle.host import PluginHost
from auricle.model.events import Event, VoiceSet
from auricle.model.voice_names import has_voice
from auricle.pipeline.capture import Capture
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.ducking import Ducking
from auricle.pipeline.ears import Ears
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.endpoint import EndpointRule
from auricle.pipeline.far_end import FarEnd
from auricle.pipeline.own_voice import OwnVoice
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.speak import LONGEST_TEXT, Speech
from auricle.pipeline.speculate import SpeculationRule
from auricle.pipeline.synthesis import KeptSpeech
from auricle.pipeline.ticket import VoiceSettings
from auricle.pipeline.transcribe import Transcriber
from auricle.pipeline.turn import Conversation
from auricle.pipeline.wake import WakeDetector
from auricle.ports import Speaker, SpeechToText
from auricle.service import Assistant
from auricle.settings import Config
from auricle.status import Status
from auricle.store import SettingsStore

_LOG = logging.getLogger(__name__)


def make_listeners(config: Config, host: PluginHost, state: Path | None = None) -> tuple[WakeDetector, VadEngine]:
    """The wake word detector and the VAD, not loaded yet. state: where it is kept who is enrolled; none: nobody is."""
    specs, options = host.engines(), config.engines
    enrolled = enrolled_dir(state) if state is not None else None
    detector = make_detector(config, specs, background=not _fast(config), enrolled=enrolled)
    return detector, make_vad(specs, "silero_vad", options)


def enrolled_dir(state: Path) -> Path:
    """The folder of those whose voices wake, in the state folder."""
    return state / "enrolled"


def make_detector(
    config: Config, specs: Mapping[str, EngineSpec], *, background: bool, enrolled: Path | None = None
) -> WakeDetector:
    """The wake word detector, not loaded yet.

    background: a second look does not hold up the sound. enrolled: the folder of those whose voices wake; none hears
    everybody.
    """
    look = config.wake.second_look
    # A second engine is loaded rarely and small: 12 MB with TensorFlow Lite, 260 MB with ONNX.
    options = dict(config.engines)
    if look.engine == "openwakeword" and all(word.engine != look.engine for word in config.wake.words):
        options[look.engine] = {"runtime": "pyopen"} | options.get(look.engine, {})
    return WakeDetector(
        config.wake.waking,
        lambda engine, words: make_wake(specs, engine, words, options),
        refractory_s=config.wake.refractory_s,
        second=look,
        verify=config.wake.verify,
        enrolled=enrolled,
        background=background,
    )


def make_echo(config: Config, far_end: FarEnd) -> EchoCanceller | None:
    """Only between a microphone and a loudspeaker is there an echo."""
    sound = config.audio
    played = sound.output.device != "null" and not str(sound.output.device).startswith("file:")
    heard = sound.input.device != "-" and not str(sound.input.device).startswith("file:")
    return EchoCanceller(far_end) if sound.input.echo == "daemon" and played and heard else None


def make_own_voice(
    config: Config, host: PluginHost, speaking: Callable[[], bool], echo: EchoCanceller | None
) -> OwnVoice:
    """Not loaded yet."""
    specs, options = host.engines(), config.engines

    def make(engine: str, words: Sequence[WakeWordChoice]) -> WakeEngine:
        return make_wake(specs, engine, words, options)

    return OwnVoice(
        WakeDetector(config.wake.words, make, refractory_s=0.0),
        WakeDetector(config.wake.stopping, make, refractory_s=config.wake.refractory_s),
        speaking,
        echo,
    )


def make_speech(
    config: Config, assistant: Assistant, fleet: Fleet, speaker: Speaker, kept: KeptSpeech | None
) -> Speech:
    return Speech(
        fleet.tts,
        speaker,
        voice_settings(config, assistant),
        queue_size=config.tts.queue,
        publish=assistant.publish,
        kept=kept,
        ledger=assistant.ledger,
    )


def make_ducking(config: Config, state: Path) -> Ducking:
    """Where nothing is played aloud, no other player is made softer."""
    output = config.audio.output
    heard = output.device != "null" and not str(output.device).startswith("file:")
    return Ducking(output.duck if heard else "off", output.duck_volume, sink=output.device, file=state / "ducked.json")


def voice_settings(config: Config, assistant: Assistant) -> VoiceSettings:
    return VoiceSettings(
        voice=lambda: assistant.status.voice or None,
        volume=lambda: assistant.status.volume,
        speed=config.tts.speed,
        pitch=config.tts.pitch,
        language=config.site.language,
        loudness_lufs=config.tts.loudness_lufs or None,
    )


def sound_rule(config: Config) -> SoundRule | None:
    """When what sounds like a sentence is taken for it; none never does."""
    intents = config.intents
    if not intents.by_sound:
        return None
    return SoundRule(intents.sound_distance, intents.sound_margin, cache_dir(os.environ) / "phonemes")


def told_of_orders(config: Config, stt: FallbackStt, dispatcher: Dispatcher) -> SpeechToText:
    """Speech to text of what is said to the assistant; the sentences have to be prepared."""
    return stt.of_orders(dispatcher.expected) if config.stt.prompt == "intents" else stt


def make_dialogue(config: Config, host: PluginHost, publish: Callable[[Event], None]) -> Dialogue:
    language = config.site.language
    dispatcher = Dispatcher(
        host,
        {language: host.sentences(language)},
        near_miss=config.intents.near_miss,
        language=language,
        by_sound=sound_rule(config),
        judge_s=config.intents.judge_s,
    )
    return Dialogue(dispatcher, language=language, publish=publish)


def make_conversation(
    config: Config,
    assistant: Assistant,
    *,
    ears: Ears,
    capture: Capture,
    fleet: Fleet,
    dialogue: Dialogue,
    speech: Speech,
) -> Conversation:
    language = config.site.language
    dialogue.dispatcher.judge = fleet.stt
    return Conversation(
        ears=ears,
        rule=EndpointRule(
            patience_s=config.listen.patience_s,
            silence_s=config.listen.silence_s,
            max_s=config.listen.max_s,
            speech_threshold=config.listen.speech_threshold,
            min_speech_s=config.listen.min_speech_s,
            background_db=config.listen.background_db,
            background_s=config.listen.background_s,
        ),
        transcriber=Transcriber(
            told_of_orders(config, fleet.stt, dialogue.dispatcher),
            dictation=fleet.stt,
            language=config.stt.language if isinstance(config.stt.language, str) else None,
            normalized=config.audio.input.normalize,
            since_arrival_s=lambda sample: time.monotonic() - capture.arrived_at(sample),
            publish=assistant.publish,
            on_command_end=(lambda: speech.chime("end")) if config.listen.chime else lambda: None,
            ahead=_ahead(config),
            standing=dialogue.dispatcher.standing,
        ),
        dialogue=dialogue,
        speech=speech,
        language=language,
        chimes=config.listen.chime,
        publish=assistant.publish,
    )


def _ahead(config: Config) -> SpeculationRule | None:
    """None where frames have to go to the engine as they come: it gives partials, or the sound outruns it anyway."""
    listen = config.listen
    if not listen.speculate or _fast(config) or config.engines.get(config.stt.engine, {}).get("partials"):
        return None
    return SpeculationRule(
        pause_s=listen.pause_s,
        silence_s=listen.silence_s,
        whole_silence_s=min(listen.whole_silence_s, listen.silence_s),
        open_silence_s=min(listen.open_silence_s, listen.silence_s),
        unfinished_silence_s=listen.unfinished_silence_s,
    )


def _fast(config: Config) -> bool:
    """Whether sound waits for whoever takes it."""
    sound = config.audio.input
    return sound.pace == "fast" and (sound.device == "-" or str(sound.device).startswith("file:"))


def describe(config: Config, fleet: Fleet, host: PluginHost, voices: list[str]) -> dict[str, object]:
    """What `T/info` and `Describe()` tell."""
    return {
        "version": __version__,
        "site": config.site.id,
        "engines": [worker.told() for worker in fleet.workers()],
        "voices": voices,
        "wake_words": [word.model for word in config.wake.waking],
        "plugins": [
            {"name": plugin.name, "state": plugin.state, "detail": plugin.detail, "faults": plugin.faults}
            for plugin in host.statuses()
        ],
        "limits": {"text": LONGEST_TEXT, "speech_queue": config.tts.queue},
    }


def forget_lost_voice(assistant: Assistant, voices: Collection[str], configured: str) -> None:
    """A voice that was set at run time may have been another engine's: the configured one speaks then."""
    lost = assistant.status.voice
    if lost != configured and not has_voice(voices, lost):
        _LOG.warning("the voice %s that was set is none of this engine's (%s): not used", lost, ", ".join(voices))
        assistant.publish(VoiceSet(voice=configured))


def status_at_start(config: Config, store: SettingsStore) -> Status:
    """The configuration's settings, with what was set at run time over them."""
    kept = store.load()
    muted, volume, voice = kept.get("muted"), kept.get("volume"), kept.get("voice")
    return Status(
        muted=muted if isinstance(muted, bool) else False,
        volume=volume if isinstance(volume, int) and 0 <= volume <= 100 else config.audio.output.volume,
        voice=voice if isinstance(voice, str) else config.tts.voice,
    )
