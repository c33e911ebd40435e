"""Every key of the configuration: type, bounds, unit, default and meaning, in this one place."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration."""


def _default(section: type[Section]) -> Any:
    return msgspec.field(default_factory=section)


_Uri = Annotated[str, Meta(pattern="^(tcp|unix)://.", extra={"form": "tcp://HOST:PORT or unix:///PATH"})]
_Language = Annotated[
    str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?\Z", extra={"form": "an ISO 639-1 code such as en, de or pt-BR"})
]


class Site(Section, frozen=True, kw_only=True):
    """The room or device with its own microphone and speaker."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9_-]{1,64}\Z",
            description="Name in topics and on the bus.",
            extra={"form": "1 to 64 of a-z, 0-9, _ and -"},
        ),
    ] = "default"
    name: Annotated[str, Meta(max_length=128, description="Name for people; empty is the id.")] = ""
    language: Annotated[_Language, Meta(description="Language spoken here, ISO 639-1.")] = "en"


class AudioInput(Section, frozen=True, kw_only=True):
    """The microphone."""

    device: Annotated[
        str | int,
        Meta(
            description='"default", part of a device\'s name, its index, "file:PATH" (WAV or FLAC), or "-" (raw 16 kHz '
            "16-bit mono on standard input). `auricle devices` lists them."
        ),
    ] = "default"
    pace: Annotated[
        Literal["real", "fast"], Meta(description="How fast a file or standard input is read: as spoken, or at once.")
    ] = "real"
    block_ms: Annotated[
        int,
        Meta(
            ge=10,
            le=200,
            description="Sound handed over at a time; smaller is quicker and costs more CPU.",
            extra={"unit": "ms"},
        ),
    ] = 80
    high_pass: Annotated[bool, Meta(description="Remove rumble and DC offset below 80 Hz.")] = False
    noise_suppression: Annotated[
        int, Meta(ge=0, le=4, description="WebRTC noise suppression; 0 is off, 4 the strongest. Can hurt Whisper.")
    ] = 0
    auto_gain_dbfs: Annotated[
        int,
        Meta(
            ge=0, le=31, description="WebRTC automatic gain: target below full scale; 0 is off.", extra={"unit": "dBFS"}
        ),
    ] = 0
    normalize: Annotated[
        bool, Meta(description="Bring each command to the same loudness before it is transcribed.")
    ] = False


class AudioOutput(Section, frozen=True, kw_only=True):
    """The speaker."""

    device: Annotated[
        str | int,
        Meta(description='"default", part of a device\'s name, its index, "null", or "file:PATH" (a WAV is written).'),
    ] = "default"
    volume: Annotated[
        int, Meta(ge=0, le=100, description="Volume until one is set at run time, which is kept.", extra={"unit": "%"})
    ] = 80


class Audio(Section, frozen=True, kw_only=True):
    """Sound in and out."""

    input: AudioInput = _default(AudioInput)
    output: AudioOutput = _default(AudioOutput)


class WakeWord(Section, frozen=True, kw_only=True):
    """One word to listen for."""

    model: Annotated[str, Meta(min_length=1, description="A name that the engine knows, or a model file.")]
    engine: Annotated[str, Meta(description='"microwakeword" or "openwakeword".')] = "microwakeword"
    threshold: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="Score that counts as heard; none is the model's own."),
    ] = None


class Wake(Section, frozen=True, kw_only=True):
    """Wake words."""

    words: Annotated[
        tuple[WakeWord, ...],
        Meta(max_length=16, description="Words that wake; each with model, engine and threshold. Empty: none does."),
    ] = (WakeWord(model="hey_jarvis"),)
    refractory_s: Annotated[
        float,
        Meta(ge=0, le=30, description="After a wake word, none is heard again for this long.", extra={"unit": "s"}),
    ] = 2.0


class Listen(Section, frozen=True, kw_only=True):
    """Where a command begins and ends."""

    patience_s: Annotated[
        float, Meta(ge=0.5, le=30, description="How long to wait for speech after the wake word.", extra={"unit": "s"})
    ] = 5.0
    silence_s: Annotated[float, Meta(ge=0.1, le=5, description="Quiet that ends a command.", extra={"unit": "s"})] = 0.7
    max_s: Annotated[
        float, Meta(ge=1, le=28, description="Longest command; what is said after is not heard.", extra={"unit": "s"})
    ] = 15.0
    speech_threshold: Annotated[float, Meta(gt=0, lt=1, description="Probability of voice that counts as speech.")] = (
        0.5
    )
    min_speech_s: Annotated[
        float, Meta(ge=0, le=2, description="Less speech than this is a noise, not a command.", extra={"unit": "s"})
    ] = 0.2
    follow_up_s: Annotated[
        float, Meta(ge=0, le=30, description="Stay open this long after a reply; 0 is off.", extra={"unit": "s"})
    ] = 0.0
    chime: Annotated[bool, Meta(description="Sound a chime when the wake word is heard and when the command ends.")] = (
        True
    )


class Stt(Section, frozen=True, kw_only=True):
    """Speech to text."""

    engine: Annotated[str, Meta(description="Name of the engine; `auricle engines list` shows them.")] = (
        "faster_whisper"
    )
    model: Annotated[
        str, Meta(description="The engine's model: a name or a folder; empty is the engine's default.")
    ] = ""
    language: Annotated[
        str | tuple[str, ...],
        Meta(description='A language, "auto", or a list of the languages that may be spoken.'),
    ] = "en"
    uri: Annotated[_Uri | None, Meta(description="A Wyoming server to use instead of a local worker.")] = None
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
    uri: Annotated[_Uri | None, Meta(description="A Wyoming server to use instead of a local worker.")] = None
    fallback: Annotated[tuple[str, ...], Meta(description="Engines that take over, in this order.")] = ()
    timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="Longest wait for the next piece of speech.", extra={"unit": "s"})
    ] = 30.0
    queue: Annotated[int, Meta(ge=1, le=1000, description="Requests that may wait; one more is refused.")] = 64


class Intents(Section, frozen=True, kw_only=True):
    """From words to what is done."""

    near_miss: Annotated[
        float,
        Meta(ge=0, le=1, description="How alike a near miss must be to a known sentence; 1 takes exact words only."),
    ] = 0.86
    timeout_s: Annotated[
        float, Meta(gt=0, le=60, description="Longest time that a plugin may take for one call.", extra={"unit": "s"})
    ] = 5.0


class Tls(Section, frozen=True, kw_only=True):
    """Encryption to the broker."""

    enabled: Annotated[bool, Meta(description="Use TLS; set by itself when one of the files is given.")] = False
    ca: Annotated[str | None, Meta(description="Certificate authority; none is the system's.")] = None
    cert: Annotated[str | None, Meta(description="Client certificate.")] = None
    key: Annotated[str | None, Meta(description="Key of the client certificate.")] = None


class Mqtt(Section, frozen=True, kw_only=True):
    """The broker; nothing is sent or taken until `host` is set."""

    host: Annotated[str | None, Meta(description="Name or address of the broker.")] = None
    port: Annotated[int, Meta(ge=1, le=65535, description="8883 is usual with TLS.")] = 1883
    username: Annotated[str | None, Meta(description="User at the broker.")] = None
    password: Annotated[str | None, Meta(description="Better in a file: `password_file`.", extra={"secret": True})] = (
        None
    )
    password_file: Annotated[
        str | None,
        Meta(description="File that holds the password; a bare name is looked for in $CREDENTIALS_DIRECTORY."),
    ] = None
    topic_prefix: Annotated[
        str,
        Meta(
            pattern="^[^+#/\\x00][^+#\\x00]*$",
            max_length=128,
            description="First part of every topic.",
            extra={"form": "a topic without +, # and a leading /"},
        ),
    ] = "auricle"
    client_id: Annotated[str, Meta(max_length=64, description="Empty is auricle-<site.id>.")] = ""
    tls: Tls = _default(Tls)
    discovery: Annotated[
        Literal["device", "legacy", "off"],
        Meta(description="How Home Assistant finds this site. Not in this version yet.", extra={"later": True}),
    ] = "device"
    hermes: Annotated[
        bool, Meta(description="Speak Rhasspy's Hermes topics too. Not in this version yet.", extra={"later": True})
    ] = False
    pool: Annotated[
        bool, Meta(description="Share synthesis and transcription. Not in this version yet.", extra={"later": True})
    ] = False
    keepalive_s: Annotated[
        int,
        Meta(ge=5, le=3600, description="A dead broker is noticed within one and a half of it.", extra={"unit": "s"}),
    ] = 30
    max_backoff_s: Annotated[
        float, Meta(ge=1, le=300, description="Longest wait between two attempts to connect.", extra={"unit": "s"})
    ] = 8.0


class Dbus(Section, frozen=True, kw_only=True):
    """The message bus."""

    bus: Annotated[
        str,
        Meta(
            min_length=1,
            description='"auto", "system", "session", "off" or an address. D-Bus is not in this version yet.',
            extra={"later": True},
        ),
    ] = "auto"


class Wyoming(Section, frozen=True, kw_only=True):
    """Being a Wyoming server for the network."""

    uri: Annotated[
        Annotated[str, Meta(pattern="^(tcp|unix)://.")] | None,
        Meta(description="Where to listen. Not in this version yet.", extra={"later": True}),
    ] = None


class Http(Section, frozen=True, kw_only=True):
    """Metrics, health and speech over HTTP."""

    bind: Annotated[
        str | None, Meta(description="Address and port to listen on. Not in this version yet.", extra={"later": True})
    ] = None


class Metrics(Section, frozen=True, kw_only=True):
    """Figures for monitoring; no keys in this version yet."""


class Privacy(Section, frozen=True, kw_only=True):
    """What is kept of what was heard."""

    record: Annotated[
        Literal["off", "false_wakes", "all"],
        Meta(
            description="Recordings for finding faults. Not in this version yet: nothing is kept.",
            extra={"later": True},
        ),
    ] = "off"


class Plugins(Section, frozen=True, kw_only=True):
    """Which plugins run, and in which order they are asked."""

    disabled: Annotated[tuple[str, ...], Meta(description="Plugins that are not loaded.")] = ()
    order: Annotated[tuple[str, ...], Meta(description="Plugins asked first, in this order; the rest by name.")] = ()


class Log(Section, frozen=True, kw_only=True):
    """What is logged."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Words of users are logged at debug only.")
    ] = "info"


class EngineProcess(Section, frozen=True, kw_only=True):
    """Keys that every `[engines.NAME]` takes beside the engine's own: how its process is run."""

    python: Annotated[
        str | None,
        Meta(description="Interpreter of the engine's environment; none is its own if installed, else the daemon's."),
    ] = None
    uri: Annotated[_Uri | None, Meta(description="A Wyoming server to use instead of a local worker.")] = None
    start_timeout_s: Annotated[float, Meta(gt=0, le=3600, description="Longest time to load.", extra={"unit": "s"})] = (
        60.0
    )
    memory_mb: Annotated[
        int,
        Meta(
            ge=0, description="The process is restarted above this resident size; 0 is no limit.", extra={"unit": "MiB"}
        ),
    ] = 0
    threads: Annotated[
        int, Meta(ge=0, le=256, description="Threads that it may compute with; 0 is its own choice.")
    ] = 0


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration."""

    site: Site = _default(Site)
    audio: Audio = _default(Audio)
    wake: Wake = _default(Wake)
    listen: Listen = _default(Listen)
    stt: Stt = _default(Stt)
    tts: Tts = _default(Tts)
    intents: Intents = _default(Intents)
    mqtt: Mqtt = _default(Mqtt)
    dbus: Dbus = _default(Dbus)
    wyoming: Wyoming = _default(Wyoming)
    http: Http = _default(Http)
    metrics: Metrics = _default(Metrics)
    privacy: Privacy = _default(Privacy)
    plugins: Plugins = _default(Plugins)
    log: Log = _default(Log)
    engines: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """`[engines.NAME]` as written; each is checked against `EngineProcess` and the engine's own type."""
    plugin_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """`[plugins.NAME]` as written; each is checked against the plugin's own type."""
