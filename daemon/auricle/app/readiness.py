"""Whether wake words are heard: as the log says it, and as `/healthz` does, with the words that systemd is told."""

import logging
import time
from collections.abc import Sequence

from auricle.adapters.http_inside import Health
from auricle.app.systemd import Signs, in_words, withheld_for, would_hear
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


def health_of(status: Status, models: Sequence[str], signs: Signs) -> Health:
    """`ok` when a wake word would be heard, or is not to be, and no essential part is unwell."""
    words = in_words(status, models)
    if "start" in status.faults:
        return Health("starting", words)
    if status.faults or not would_hear(status):
        return Health("degraded", words if words.startswith("degraded") else f"degraded: {status.detail}")
    if stalled := withheld_for(signs, status, time.monotonic()):
        return Health("degraded", f"degraded: {stalled}")
    return Health("ok", words)


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
