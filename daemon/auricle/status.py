"""What the site is doing now: a pure function of the events so far. Topics and properties are views of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from auricle.model.events import ComponentChanged, Event, MuteSet, SpeechChanged, StageChanged, VoiceSet, VolumeSet
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Stage, utc_now


@dataclass(frozen=True, slots=True)
class Status:
    stage: Stage = Stage.IDLE
    turn: str | None = None
    speaking: str | None = None
    """Id of the speech that is being played."""
    muted: bool = False
    volume: int = 80
    voice: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Essential components that are unwell, with what is wrong; in the order in which they failed."""
    well: Mapping[str, str] = field(default_factory=dict)
    """Components that are well, with what they are."""
    since: datetime = field(default_factory=utc_now)

    @property
    def state(self) -> str:
        """`idle`, `listening`, `transcribing`, `thinking`, `speaking`, `muted` or `degraded`."""
        if self.stage is not Stage.IDLE:
            return self.stage.value
        if self.speaking is not None:
            return Stage.SPEAKING.value
        if self.faults:
            return "degraded"
        return "muted" if self.muted else "idle"

    @property
    def detail(self) -> str:
        """The state in words; empty when there is nothing to say."""
        return "; ".join(f"{component}: {detail}" for component, detail in self.faults.items())


def reduce(status: Status, event: Event) -> Status:
    """Return the status after `event`; `since` moves when `state` or `detail` changes."""
    match event:
        case StageChanged():
            after = replace(status, stage=event.stage, turn=event.turn)
        case SpeechChanged(status=SpeechStatus.STARTED):
            after = replace(status, speaking=event.id)
        case SpeechChanged() if event.id == status.speaking and event.status.final:
            after = replace(status, speaking=None)
        case MuteSet():
            after = replace(status, muted=event.muted)
        case VolumeSet():
            after = replace(status, volume=event.volume)
        case VoiceSet():
            after = replace(status, voice=event.voice)
        case ComponentChanged():
            faults = {name: detail for name, detail in status.faults.items() if name != event.component}
            well = {name: detail for name, detail in status.well.items() if name != event.component}
            if event.ok:
                well[event.component] = event.detail
            elif event.essential:
                faults[event.component] = event.detail
            after = replace(status, faults=faults, well=well)
        case _:
            return status
    if (after.state, after.detail) != (status.state, status.detail):
        after = replace(after, since=event.at)
    return after
