"""Gets ready what is not kept ready, before somebody has to wait for it: at a wake word, and when speech is queued."""

from collections.abc import Callable

from auricle.bus import EventBus
from auricle.engines.fleet import Fleet
from auricle.model.events import SpeechChanged, StageChanged, WakeHeard
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Stage


async def load_ahead(bus: EventBus, fleet: Fleet, on_listening: Callable[[], None] = lambda: None) -> None:
    """Until cancelled. An engine that is loaded stays so for a while longer.

    on_listening: called whenever somebody is about to speak; must return at once.
    """
    with bus.subscribe() as events:
        async for event in events:
            match event:
                case WakeHeard() | StageChanged(stage=Stage.LISTENING):
                    fleet.prepare("stt")
                    fleet.prepare("tts")
                    on_listening()
                case SpeechChanged(status=SpeechStatus.QUEUED):
                    fleet.prepare("tts")
