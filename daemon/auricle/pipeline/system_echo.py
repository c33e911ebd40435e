"""The sound server's own echo canceller: found, and made the one that this process records from and plays to."""

import os
import re
import subprocess
from collections.abc import Callable

from auricle.model.events import ComponentChanged

_COMPONENT = "echo canceller"
_NAMED = re.compile(r"echo[-_. ]?cancel", re.IGNORECASE)
_ASK_S = 3.0
_HOW = (
    "load it with `pactl load-module module-echo-cancel aec_method=webrtc` (PulseAudio) or PipeWire's "
    'libpipewire-module-echo-cancel, or set [audio.input] echo = "daemon"'
)


def use_system_echo_canceller(tell: Callable[[ComponentChanged], None]) -> None:
    """Have libpulse connect this process to the server's echo-cancelled source and sink; before a device is opened.

    Devices other than the sound server's are not touched by it. What is missing is told, and the default devices stay.
    """
    source, sink = _echo_cancelled("sources"), _echo_cancelled("sinks")
    if source is None or sink is None:
        missing = "source" if source is None else "sink"
        detail = f"the sound server has no echo-cancelled {missing}: {_HOW}"
        tell(ComponentChanged(component=_COMPONENT, ok=False, detail=detail, essential=False))
        return
    os.environ["PULSE_SOURCE"] = source
    os.environ["PULSE_SINK"] = sink
    tell(ComponentChanged(component=_COMPONENT, ok=True, detail=f"{source}, {sink}", essential=False))


def _echo_cancelled(kind: str) -> str | None:
    """The name of the server's source or sink that is one; not a sink's monitor."""
    try:
        listed = subprocess.run(
            ["pactl", "list", "short", kind], capture_output=True, text=True, timeout=_ASK_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    names = [line.split("\t")[1] for line in listed.splitlines() if line.count("\t")]
    return next((name for name in names if _NAMED.search(name) and not name.endswith(".monitor")), None)
