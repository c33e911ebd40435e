"""Speech to text, text to speech, and the processes that do it."""

from typing import Annotated, Literal

from msgspec import Meta

from auricle.settings.section import Section, Uri


class Stt(Section, frozen=True, kw_only=True):
    """Speech to text."""

    engine: Annotated[str, Meta(description="Name of the engine; `auricle engines list` shows them.")] = (
        "faster_whisper"
    )
    model: Annotated[
        str,
        Meta(
            description="The engine's model: a folder, or the name of a pulled one, such as base.en (`auricle models "
            "list`); empty is the engine's default."
        ),
    ] = ""
    language: Annotated[
        str | tuple[str, ...],
        Meta(description='A language, "auto", or a list of the languages that may be spoken.'),
    ] = "en"
    prompt: Annotated[
        Literal["off", "intents"],
        Meta(
            description="What a Whisper engine is told before each command: nothing, or names and words of the loaded "
            "intents, which it then rather hears and spells as they are. The server of a `uri` is told them too."
        ),
    ] = "intents"
    uri: Annotated[Uri | None, Meta(description="A Wyoming server to use instead of a local worker.")] = None
    fallback: Annotated[tuple[str, ...], Meta(description="Engines that take over, in this order.")] = ()
    timeout_s: Annotated[
        float,
        Meta(gt=0, le=600, description="Longest wait for a transcript after the end of speech.", extra={"unit": "s"}),
    ] = 20.0


class Tts(Section, frozen=True, kw_only=True):
    """Text to speech."""

    engine: Annotated[str, Meta(description="Name of the engine; `auricle engines list` shows them.")] = "piper"
    voice: Annotated[str, Meta(description="Voice until one is set at run time; empty is the engine's default.")] = ""
    speed: Annotated[float, Meta(ge=0.5, le=2, description="Pace of speech; 1 is the voice's own.")] = 1.0
    pitch: Annotated[
        float,
        Meta(
            ge=-12,
            le=12,
            description="Pitch of speech; 0 is the voice's own. Length stays.",
            extra={"unit": "semitones"},
        ),
    ] = 0.0
    loudness_lufs: Annotated[
        float,
        Meta(
            ge=-50,
            le=0,
            description="Loudness of all voices, by EBU R128, peaks below -1 dBTP; 0 leaves each as it is.",
            extra={"unit": "LUFS"},
        ),
    ] = -23.0
    cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Room on disk for speech that was said, to say it again at once; 0 keeps none.",
            extra={"unit": "MB"},
        ),
    ] = 64
    uri: Annotated[Uri | None, Meta(description="A Wyoming server to use instead of a local worker.")] = None
    fallback: Annotated[tuple[str, ...], Meta(description="Engines that take over, in this order.")] = ()
    timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="Longest wait for the next piece of speech.", extra={"unit": "s"})
    ] = 30.0
    queue: Annotated[int, Meta(ge=1, le=10_000, description="Requests that may wait; one more is refused.")] = 1000


class EngineProcess(Section, frozen=True, kw_only=True):
    """Keys that every `[engines.NAME]` takes beside the engine's own: how its process is run."""

    python: Annotated[
        str | None,
        Meta(description="Interpreter of the engine's environment; none is its own if installed, else the daemon's."),
    ] = None
    uri: Annotated[Uri | None, Meta(description="A Wyoming server to use instead of a local worker.")] = None
    start_timeout_s: Annotated[float, Meta(gt=0, le=3600, description="Longest time to load.", extra={"unit": "s"})] = (
        60.0
    )
    memory_mb: Annotated[
        int,
        Meta(
            ge=0, description="The process is restarted above this resident size; 0 is no limit.", extra={"unit": "MiB"}
        ),
    ] = 0
    unload_after_s: Annotated[
        float,
        Meta(
            ge=0,
            le=604_800,
            description="Its process ends after so long without a request, and starts again with the next wake word or "
            "request; 0 keeps it.",
            extra={"unit": "s"},
        ),
    ] = 0.0
    gpu_memory_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Most of the GPU's memory that torch may take in it; 0 is no limit. All engines' together: 1.",
        ),
    ] = 0.0
    slowest_rtf: Annotated[
        float,
        Meta(
            ge=0,
            le=1000,
            description="Seconds of computing for a second of sound; an engine that finds no GPU, is slower than this "
            "on the CPU, and has a fall-back, leaves the work to that. 0 is never.",
        ),
    ] = 1.0
    threads: Annotated[
        int, Meta(ge=0, le=256, description="Threads that it may compute with; 0 is its own choice.")
    ] = 0
    nice: Annotated[
        int, Meta(ge=0, le=19, description="Niceness of its process: the higher, the more it leaves to others.")
    ] = 0
    cpus: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=4095)], ...],
        Meta(description="Cores that it may run on, such as [2, 3]; empty is all."),
    ] = ()
