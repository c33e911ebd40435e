"""A trace once more through today's pipeline, up to the intent: nothing is handled, nothing is said."""

import asyncio
import contextlib
import dataclasses
import os
import tempfile
import wave
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from auricle import __version__
from auricle.app.building import make_conversation, make_dialogue, make_listeners, make_speech
from auricle.app.hosting import make_host, no_broker
from auricle.app.tracing import as_step, settings_of
from auricle.bus import EventBus
from auricle.config import LoadedConfig, cache_dir, runtime_dir, state_dir
from auricle.engines.fleet import Fleet
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.model.errors import AuricleError, NothingHeard
from auricle.model.events import Event, IntentHandled, Understood, WakeHeard
from auricle.model.turn import Outcome, Turn
from auricle.pipeline.capture import Capture
from auricle.pipeline.ears import Ears
from auricle.pipeline.endpoint import Hearing
from auricle.pipeline.playback import NullSpeaker
from auricle.pipeline.wake import WakeHit
from auricle.service import Assistant
from auricle.status import Status
from auricle.store import SettingsStore
from auricle.traces import Step, Trace

_QUIET_S = 2.0
"""Put after the sound: a recording ends with the decision that the command has ended, and that may come later today."""
_LATE_S = 15.0


async def replay(loaded: LoadedConfig, trace: Trace, wav: Path) -> Trace:
    """What the pipeline makes of a recording now, as a trace whose sound begins at sample 0.

    It takes as long as the recording: how long pauses are decides. Raises AuricleError.
    """
    loop = asyncio.get_running_loop()
    hits: asyncio.Queue[WakeHit | None] = asyncio.Queue()
    seen: list[Event] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auricle-replay-")))
        config = _for_replay(loaded, _with_quiet(wav, folder / "sound.wav")).config
        host = make_host(loaded, folder, no_broker)
        bus = EventBus()
        store = SettingsStore(folder / "auricle.sqlite")
        stack.callback(store.close)
        assistant = Assistant(config.site, bus, store, Status())
        capture = Capture(config.audio.input, on_change=lambda event: None, on_quality=lambda event: None)
        fleet = Fleet(
            host.engines(),
            stt=config.stt,
            tts=config.tts,
            options=config.engines,
            runtime_dir=runtime_dir(os.environ),
            state_dir=state_dir(os.environ),
            on_change=lambda event: None,
            kinds=("stt",),
            models_dir=cache_dir(os.environ) / "models",
        )
        detector, vad = make_listeners(config, host, state_dir(os.environ))
        stack.callback(detector.close)
        stack.callback(vad.close)
        ears = Ears(
            capture,
            detector,
            vad,
            loop=loop,
            on_wake=hits.put_nowait,
            on_end=lambda: hits.put_nowait(None),
            on_fault=lambda error: None,
        )
        stack.push_async_callback(fleet.stop)
        await asyncio.gather(fleet.start(), asyncio.to_thread(_load, detector, vad))
        speech = make_speech(config, assistant, fleet, NullSpeaker(), None)
        dialogue = make_dialogue(config, host, assistant.publish)
        dispatcher = dialogue.dispatcher
        stack.callback(dispatcher.close)
        conversation = make_conversation(
            config,
            assistant,
            ears=ears,
            capture=capture,
            fleet=fleet,
            dialogue=dialogue,
            speech=speech,
        )
        await asyncio.to_thread(dispatcher.prepare)
        events = stack.enter_context(bus.subscribe())
        capture.start()
        stack.push_async_callback(asyncio.to_thread, capture.stop)
        ears.start()
        stack.push_async_callback(asyncio.to_thread, ears.stop)

        turn: Turn | None = Turn(first_sample=max(0, trace.listens_from - trace.first_sample))
        if trace.wake_word is not None:
            turn = await _woken(hits, trace)
        outcome = Outcome.NOTHING_HEARD
        if turn is not None:
            if turn.wake_word is not None:
                seen.append(
                    WakeHeard(
                        turn=turn.id, wake_word=turn.wake_word, score=round(turn.score, 4), sample=turn.first_sample
                    )
                )
            hearing = Hearing(ears.tap(turn.first_sample), conversation.rule, after_word=turn.wake_word is not None)
            with contextlib.suppress(NothingHeard):
                transcript = await conversation.transcriber.transcribe(hearing, turn)
                found = await dispatcher.explain(transcript, turn)
                intent = found.intent
                outcome = Outcome.ANSWERED if intent is not None else Outcome.NOT_UNDERSTOOD
                assistant.publish(Understood(turn=turn.id, **found.facts))
                assistant.publish(
                    IntentHandled(
                        turn=turn.id,
                        name=intent.name if intent else None,
                        slots=intent.slots if intent else {},
                        text=transcript.text,
                        handled_by=intent.plugin if intent else "",
                        reply="",
                    )
                )
        bus.close()
        seen += [event async for event in events]
        return Trace(
            turn=trace.turn,
            site=config.site.id,
            at=trace.at,
            outcome=outcome.value,
            wake_word=turn.wake_word if turn is not None else None,
            settings=settings_of(loaded.config),
            steps=_steps(seen),
            version=__version__,
        )


async def _woken(hits: "asyncio.Queue[WakeHit | None]", trace: Trace) -> Turn | None:
    """The turn of the first wake word that is heard; None when the sound ends without one."""
    try:
        async with asyncio.timeout(trace.samples / INBOUND_RATE_HZ + _QUIET_S + _LATE_S):
            hit = await hits.get()
    except TimeoutError:
        raise AuricleError("the recording was not listened to in time", code="trace") from None
    return None if hit is None else Turn(wake_word=hit.wake_word, score=hit.score, first_sample=hit.sample)


def _steps(events: list[Event]) -> tuple[Step, ...]:
    if not events:
        return ()
    steps = (as_step(event, (event.at - events[0].at).total_seconds() * 1000) for event in events)
    return tuple(step for step in steps if step is not None)


def _for_replay(loaded: LoadedConfig, sound: Path) -> LoadedConfig:
    replace = msgspec.structs.replace
    config = loaded.config
    heard = replace(config.audio.input, device=f"file:{sound}", pace="real")
    audio = replace(config.audio, input=heard)
    return dataclasses.replace(loaded, config=replace(config, audio=audio, listen=replace(config.listen, chime=False)))


def _with_quiet(wav: Path, longer: Path) -> Path:
    """A copy of a recording with quiet at its end. Raises AuricleError."""
    try:
        with wave.open(str(wav)) as file:
            pcm = file.readframes(file.getnframes())
        with wave.open(str(longer), "wb") as out:
            out.setparams((1, SAMPLE_BYTES, INBOUND_RATE_HZ, 0, "NONE", "not compressed"))
            out.writeframes(pcm + bytes(int(_QUIET_S * INBOUND_RATE_HZ) * SAMPLE_BYTES))
    except (OSError, EOFError, wave.Error) as error:
        raise AuricleError(f"{wav} cannot be read: {error}", code="trace") from error
    return longer


def _load(*engines: object) -> None:
    for engine in engines:
        engine.load()  # type: ignore[attr-defined]
