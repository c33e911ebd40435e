"""The log says "listening" only of what is true, and always names the words."""

import logging

import pytest

from auricle.app.readiness import log_device, log_ready
from auricle.model.events import ComponentChanged, MuteSet, QualityFound
from auricle.model.turn import utc_now
from auricle.status import Status, reduce

USB = ComponentChanged(component="microphone", ok=True, detail="USB mic, 16000 Hz")
GONE = ComponentChanged(component="microphone", ok=False, detail="no microphone 'usb'; trying again")
STARTING = ComponentChanged(component="start", ok=False, detail="not listening yet")
MUTED = MuteSet(muted=True, at=utc_now())


@pytest.mark.parametrize(
    ("events", "level", "said"),
    [
        ([USB], logging.INFO, "listening for hey_jarvis, ok_nabu after 1.5 s; site kitchen"),
        (
            [GONE],
            logging.WARNING,
            "degraded after 1.5 s: no microphone 'usb'; trying again; listening for hey_jarvis, ok_nabu once it is "
            "there; site kitchen",
        ),
        (
            [],
            logging.WARNING,
            "degraded after 1.5 s: the microphone has not answered yet; listening for hey_jarvis, ok_nabu once it is "
            "there; site kitchen",
        ),
        (
            [USB, MUTED],
            logging.INFO,
            "muted after 1.5 s; listening for hey_jarvis, ok_nabu when that is over; site kitchen",
        ),
    ],
)
def test_the_end_of_the_start(
    events: list[ComponentChanged | MuteSet], level: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    status = Status()
    for event in events:
        status = reduce(status, event)
    with caplog.at_level(logging.INFO, "auricle"):
        log_ready(status, ["hey_jarvis", "ok_nabu"], 1.5, "kitchen")
    assert caplog.record_tuples == [("auricle", level, said)]


@pytest.mark.parametrize(
    ("before", "event", "level", "said"),
    [
        ([], USB, logging.INFO, "microphone: USB mic, 16000 Hz; listening for hey_jarvis"),
        ([STARTING], USB, logging.INFO, "microphone: USB mic, 16000 Hz"),
        ([MUTED], USB, logging.INFO, "microphone: USB mic, 16000 Hz"),
        ([USB], GONE, logging.WARNING, "microphone: no microphone 'usb'; trying again"),
        (
            [USB],
            QualityFound(finding="dead", detail="only zeros", rms_dbfs=-120, peak_dbfs=-120),
            logging.WARNING,
            "microphone sounds dead: only zeros",
        ),
    ],
)
def test_a_device_changes(
    before: list[ComponentChanged | MuteSet],
    event: ComponentChanged | QualityFound,
    level: int,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = Status()
    for earlier in before:
        status = reduce(status, earlier)
    with caplog.at_level(logging.INFO, "auricle"):
        log_device(event, status, ["hey_jarvis"])
    assert caplog.record_tuples == [("auricle", level, said)]
