"""Status as a pure function of events."""

from datetime import UTC, datetime

from auricle.model.events import ComponentChanged, ErrorRaised, MuteSet, SpeechChanged, StageChanged, VolumeSet
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Stage
from auricle.status import Status, reduce

LATER = datetime(2031, 1, 1, tzinfo=UTC)


def after(*events: object) -> Status:
    status = Status()
    for event in events:
        status = reduce(status, event)  # type: ignore[arg-type]
    return status


def test_a_quiet_site_is_idle() -> None:
    assert Status().state == "idle"


def test_the_stage_of_a_turn_is_the_state() -> None:
    assert [after(StageChanged(stage=stage, turn="t")).state for stage in Stage] == [
        "idle",
        "listening",
        "transcribing",
        "thinking",
        "speaking",
    ]


def test_an_essential_fault_degrades_until_it_is_mended() -> None:
    lost = ComponentChanged(component="microphone", ok=False, detail="no microphone", at=LATER)
    status = after(lost)
    assert (status.state, status.detail, status.since) == ("degraded", "microphone: no microphone", LATER)
    assert reduce(status, ComponentChanged(component="microphone", ok=True, detail="pulse")).state == "idle"


def test_a_broker_that_is_away_degrades_nothing() -> None:
    assert after(ComponentChanged(component="broker", ok=False, detail="refused", essential=False)).state == "idle"


def test_a_turn_hides_a_fault_and_a_fault_hides_the_mute() -> None:
    lost = ComponentChanged(component="speaker", ok=False, detail="gone")
    assert after(lost, MuteSet(muted=True)).state == "degraded"
    assert after(lost, StageChanged(stage=Stage.THINKING)).state == "thinking"


def test_an_announcement_is_speaking_until_it_ends() -> None:
    started = SpeechChanged(id="a", status=SpeechStatus.STARTED, text="x")
    assert after(started).state == "speaking"
    assert after(started, SpeechChanged(id="b", status=SpeechStatus.CANCELLED, text="y")).state == "speaking"
    assert after(started, SpeechChanged(id="a", status=SpeechStatus.FAILED, text="x")).state == "idle"


def test_since_moves_only_with_the_state() -> None:
    status = Status()
    assert reduce(status, VolumeSet(volume=3, at=LATER)).since == status.since
    assert reduce(status, ErrorRaised(code="x", message="y", at=LATER)) is status
    assert reduce(status, MuteSet(muted=True, at=LATER)).since == LATER
