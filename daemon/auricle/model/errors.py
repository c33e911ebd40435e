"""One tree of errors: each has a stable `code` and a sentence that says what to do."""


class AuricleError(Exception):
    """Anything that went wrong in a way that somebody can be told about."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class ConfigError(AuricleError):
    """The configuration cannot be used; `problems` names every wrong key."""

    code = "config"

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class BadRequest(AuricleError):
    """A request that does not fit; `field` names the part that is wrong."""

    code = "bad_request"

    def __init__(self, message: str, *, field: str | None = None, id: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.id = id


class WrongUsage(BadRequest):
    """Words on the command line that cannot be meant."""

    exit_status = 2


class QueueFull(AuricleError):
    """A bounded queue has no room; try again later."""

    code = "queue_full"


class RateLimited(AuricleError):
    """Requests come faster than is allowed; slow down."""

    code = "rate_limited"


class AudioDeviceError(AuricleError):
    """A microphone or speaker is missing, busy, gone, stalled or cannot do what is asked."""

    code = "audio_device"


class AudioFileError(AuricleError):
    """A file is no sound that can be read, or cannot be written."""

    code = "audio_file"


class NothingHeard(AuricleError):
    """No voice came within the patience of the endpointer."""

    code = "nothing_heard"


class EngineError(AuricleError):
    """An engine failed at a request."""

    code = "engine_failed"


class EngineUnavailable(EngineError):
    """An engine is not installed, not started, or broken."""

    code = "engine_unavailable"


class EngineDied(EngineError):
    """The engine's process ended with requests in hand."""

    code = "engine_died"


class EngineTimeout(EngineError):
    """The engine did not answer within its deadline."""

    code = "engine_timeout"


class EngineOutOfMemory(EngineError):
    """The engine had no room for a request, not even for a part of it; it lives on."""

    code = "out_of_memory"


class EngineWrecked(EngineError):
    """The engine's process can compute no more, whatever it is asked: it has to be replaced."""

    code = "engine_wrecked"


class DeviceLost(EngineWrecked):
    """The GPU that the engine computed on is gone for its process."""

    code = "device_lost"


class WireError(AuricleError):
    """A Wyoming peer broke the protocol."""

    code = "wire"


class MalformedFrame(WireError):
    """A frame that is no Wyoming event."""

    code = "wire_malformed"


class FrameTooLarge(WireError):
    """A header, data part or payload over its cap."""

    code = "wire_too_large"


class CutFrame(WireError):
    """The stream ended in the middle of a frame."""

    code = "wire_cut"


class StalledPeer(WireError):
    """A peer began a frame, or owed an answer, and went silent past the deadline."""

    code = "wire_stalled"


class PluginError(AuricleError):
    """A plugin failed to load, raised, or ran past its time limit."""

    code = "plugin"


class NotConnected(AuricleError):
    """There is no broker to send to at the moment."""

    code = "not_connected"
