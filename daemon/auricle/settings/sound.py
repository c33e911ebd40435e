"""Where sound comes from and goes to, and when it is a command."""

from typing import Annotated, Literal

from msgspec import Meta

from auricle.settings.section import Language, Section, default


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
    language: Annotated[Language, Meta(description="Language spoken here, ISO 639-1.")] = "en"


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
    echo: Annotated[
        Literal["daemon", "system", "off"],
        Meta(
            description="Who takes our own voice out of the microphone, so that the wake word is heard over it: the "
            "daemon; the sound server's echo canceller (PulseAudio's or PipeWire's, which must be loaded); nobody."
        ),
    ] = "daemon"
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
    duck: Annotated[
        Literal["off", "listening", "always"],
        Meta(
            description="When other players on this speaker are made softer (PulseAudio, PipeWire): while a command is "
            "heard, always in a turn and while something is said, or never."
        ),
    ] = "always"
    duck_volume: Annotated[
        int, Meta(ge=0, le=100, description="To what share of their own volume.", extra={"unit": "%"})
    ] = 30


class Audio(Section, frozen=True, kw_only=True):
    """Sound in and out."""

    input: AudioInput = default(AudioInput)
    output: AudioOutput = default(AudioOutput)


class WakeWord(Section, frozen=True, kw_only=True):
    """One word to listen for."""

    model: Annotated[str, Meta(min_length=1, description="A name that the engine knows, or a model file.")]
    engine: Annotated[str, Meta(description='"microwakeword" or "openwakeword".')] = "microwakeword"
    threshold: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="Score that counts as heard; none is the model's own."),
    ] = None
    second: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="Model of the second look, a name or a file; none is the one of the same name, if there is."),
    ] = None
    meaning: Annotated[
        Literal["wake", "stop"],
        Meta(description='"stop": heard while something is said, it only silences; it wakes nobody.'),
    ] = "wake"


class SecondLook(Section, frozen=True, kw_only=True):
    """A second engine listens to what the first half heard; heard is: at least strong, or at least weak and confirmed.

    It runs on such sound alone, so that idle listening costs no more.
    """

    enabled: Annotated[bool, Meta(description="For the words of which the second engine has a model.")] = True
    engine: Annotated[str, Meta(min_length=1, description="The second engine.")] = "openwakeword"
    strong: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="The first engine's score that is heard without a second look; a word's own threshold, or its "
            "model's where that is higher, takes its place.",
        ),
    ] = 0.95
    weak: Annotated[
        float, Meta(gt=0, lt=1, description="The first engine's score from which on the second is asked.")
    ] = 0.1
    confirm: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="The second engine's score that confirms. `auricle bench --only wake` measures other values.",
        ),
    ] = 0.01


class WakeVerify(Section, frozen=True, kw_only=True):
    """Whose voice a wake word is: where somebody is enrolled for it (`auricle wake enroll`), others do not wake.

    A word that nobody is enrolled for is anybody's. It runs on heard words alone.
    """

    enabled: Annotated[bool, Meta(description="For the words that somebody is enrolled for.")] = True
    threshold: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="How much a word must be an enrolled user's. Higher: others wake it less often, and the "
            "enrolled are turned away more often. `auricle wake FILE` shows what recordings come to.",
        ),
    ] = 0.5


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
    second_look: SecondLook = default(SecondLook)
    verify: WakeVerify = default(WakeVerify)

    @property
    def waking(self) -> tuple[WakeWord, ...]:
        """The words that begin a turn."""
        return tuple(word for word in self.words if word.meaning == "wake")

    @property
    def stopping(self) -> tuple[WakeWord, ...]:
        """The words that silence us."""
        return tuple(word for word in self.words if word.meaning == "stop")


class Listen(Section, frozen=True, kw_only=True):
    """Where a command begins and ends."""

    patience_s: Annotated[
        float, Meta(ge=0.5, le=30, description="How long to wait for speech after the wake word.", extra={"unit": "s"})
    ] = 5.0
    silence_s: Annotated[float, Meta(ge=0.1, le=5, description="Quiet that ends a command.", extra={"unit": "s"})] = 0.7
    speculate: Annotated[
        bool,
        Meta(
            description="Begin speech to text at the first short pause, and let what was said decide how much quiet "
            "ends the command. Off for engines that give partials, and for sound that is read faster than it is spoken."
        ),
    ] = True
    pause_s: Annotated[
        float,
        Meta(
            ge=0.03,
            le=2,
            description="Quiet after which speech to text begins on what was said so far. Of 120 recorded commands, "
            "one in three has an inner pause of 0.06 s or more, whose work is in vain, and one in fourteen of 0.2 s.",
            extra={"unit": "s"},
        ),
    ] = 0.06
    whole_silence_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=5,
            description="Quiet that ends a command that is whole, and that no known sentence goes on from.",
            extra={"unit": "s"},
        ),
    ] = 0.25
    open_silence_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=5,
            description="Quiet that ends a command that is whole but might go on: people pause for less between its "
            "parts.",
            extra={"unit": "s"},
        ),
    ] = 0.35
    unfinished_silence_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=5,
            description='Quiet that ends a command that breaks off, such as "set a timer for": time to think.',
            extra={"unit": "s"},
        ),
    ] = 1.2
    max_s: Annotated[
        float, Meta(ge=1, le=28, description="Longest command; what is said after is not heard.", extra={"unit": "s"})
    ] = 15.0
    speech_threshold: Annotated[float, Meta(gt=0, lt=1, description="Probability of voice that counts as speech.")] = (
        0.5
    )
    min_speech_s: Annotated[
        float, Meta(ge=0, le=2, description="Less speech than this is a noise, not a command.", extra={"unit": "s"})
    ] = 0.2
    background_db: Annotated[
        float,
        Meta(
            ge=0,
            le=30,
            description="Voice so far below the speaker's level is a television's and not the command's; 0 takes all "
            "voice for the speaker's. With 6 one of 120 recorded commands loses its soft end, with 8 none does. "
            "Beside a television 12 dB below the speaker 21 of 24 commands end in time with 8, 18 with 10.",
            extra={"unit": "dB"},
        ),
    ] = 8.0
    background_s: Annotated[
        float,
        Meta(
            ge=0.5,
            le=5,
            description="Nothing but such voice for so long ends a command; one that breaks off is given more.",
            extra={"unit": "s"},
        ),
    ] = 1.0
    follow_up_s: Annotated[
        float, Meta(ge=0, le=30, description="Stay open this long after a reply; 0 is off.", extra={"unit": "s"})
    ] = 0.0
    chime: Annotated[bool, Meta(description="Sound a chime when the wake word is heard and when the command ends.")] = (
        True
    )
