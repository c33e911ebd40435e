"""What the log says of whether wake words are heard: at the end of the start, and when a sound device changes."""

import logging
from collections.abc import Sequence

from auricle.model.events import ComponentChanged, Event, QualityFound
from auricle.status import Status

_LOG = logging.getLogger("auricle")


def log_ready(status: Status, models: Sequence[str], took_s: float, site: str) -> None:
    """models: what wakes. Says "listening for" them, or what has to happen before that is true."""
    words, after = _named(models), f"after {took_s:.1f} s"
    if "microphone" not in status.well:
        fault = status.faults.get("microphone", "the microphone has not answered yet")
        _LOG.warning("degraded %s: %s; listening for %s once it is there; site %s", after, fault, words, site)
    elif status.muted:
        _LOG.info("muted %s; listening for %s when that is over; site %s", after, words, site)
    else:
        _LOG.info("listening for %s %s; site %s", words, after, site)


def log_device(event: Event, status: Status, models: Sequence[str]) -> None:
    """Microphone, speaker and how the microphone sounds; other components log theirs."""
    if isinstance(event, ComponentChanged) and event.component in ("microphone", "speaker"):
        heard = event.ok and event.component == "microphone" and "start" not in status.faults and not status.muted
        detail = f"{event.detail}; listening for {_named(models)}" if heard else event.detail
        _LOG.log(logging.INFO if event.ok else logging.WARNING, "%s: %s", event.component, detail)
    elif isinstance(event, QualityFound):
        level = logging.INFO if event.finding == "good" else logging.WARNING
        _LOG.log(level, "microphone sounds %s: %s", event.finding, event.detail)


def _named(models: Sequence[str]) -> str:
    return ", ".join(models) or "no wake word"
