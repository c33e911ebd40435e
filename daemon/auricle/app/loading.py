"""Loads engines that were unloaded before somebody has to wait for them: at a wake word, and when speech is queued."""

from auricle.bus import EventBus
from auricle.engines.fleet import Fleet
from auricle.model.events import SpeechChanged, StageChanged, WakeHeard
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Stage


async def load_ahead(bus: EventBus, fleet: Fleet) -> None:
    """Until cancelled. An engine that is loaded stays so for a while longer."""
    with bus.subscribe() as events:
        async for event in events:
            match event:
                case WakeHeard() | StageChanged(stage=Stage.LISTENING):
                    fleet.prepare("stt")
                    fleet.prepare("tts")
                case SpeechChanged(status=SpeechStatus.QUEUED):
                    fleet.prepare("tts")
