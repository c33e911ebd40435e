"""What is odd, asked of real engines in processes of their own: one clear error or the nearest, and they live on."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from auricle.api import BadRequest, EngineError, SttEngine, SynthesisRequest, TtsEngine
from auricle.engines.place import Remote
from auricle.testing.contracts import Samples, frames_of, share_of_words, sound_without_words
from support.remote_engines import Loop, SttOverTheWire, TtsOverTheWire, served
from support.tiny_chatterbox import TinyChatterbox
from support.voice import Speak
from support.voice_clips import voice_like, write

pytestmark = pytest.mark.models
SAID = "Turn on the light in the kitchen."
VOICES = (
    "/etc/passwd",
    "voices/anna.wav",
    "../anna",
    "..",
    "http://x.y/z.wav",
    "file:///etc/passwd",
    "\x00",
    "a" * 5_000,
)
OUTSIDE: dict[str, dict[str, float]] = {
    "cfg_weight = 0": {"cfg_weight": 0},
    "temperature = 0": {"temperature": 0},
    "everything beyond": {"min_p": 9, "top_p": 0, "repetition_penalty": -1, "exaggeration": 1e300, "seed": -1},
}


@dataclass(frozen=True, slots=True)
class Served:
    """An engine that speaks, in a process that is never started again."""

    name: str
    tts: TtsEngine


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture(scope="module", params=["piper", pytest.param("chatterbox", marks=pytest.mark.slow)])
def speaker(request: pytest.FixtureRequest, loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("speaker")
    if request.param == "piper":
        with served("piper") as uri:
            yield Served("piper", TtsOverTheWire(elsewhere(uri), loop))
        return
    tiny: TinyChatterbox = request.getfixturevalue("tiny_chatterbox")
    voices = folder / "voices"
    voices.mkdir()
    write(voices / "blink.wav", voice_like(0.02))
    worker = tiny.worker(folder, tiny.config(voices_dir=str(voices), cache_dir=str(folder / "cache")))
    loop.run(worker.start())
    try:
        pid = worker.figures().pid
        yield Served("chatterbox", TtsOverTheWire(elsewhere(worker.uri), loop, native_speed=False))
        assert worker.figures().pid == pid
    finally:
        loop.run(worker.stop())


@pytest.mark.timeout(300)
class TestSpeech:
    @pytest.mark.parametrize("voice", VOICES, ids=lambda voice: repr(voice[:20]))
    def test_a_voice_is_a_name_and_nothing_else(self, speaker: Served, voice: str) -> None:
        with pytest.raises(BadRequest, match="no voice") as refused:
            list(speaker.tts.synthesize(SynthesisRequest(SAID, voice=voice)))
        assert refused.value.field == "voice"

    def test_a_clip_of_a_blink_is_no_voice(self, speaker: Served) -> None:
        with pytest.raises(BadRequest, match=r"blink" if speaker.name == "chatterbox" else "no voice") as refused:
            list(speaker.tts.synthesize(SynthesisRequest(SAID, voice="blink")))
        if speaker.name == "chatterbox":
            assert "0.02 s" in refused.value.message

    def test_marks_without_words_are_silence(self, speaker: Served) -> None:
        assert list(speaker.tts.synthesize(SynthesisRequest("?!"))) == []

    @pytest.mark.parametrize("text", ["", "   ", "\n"], ids=repr)
    def test_empty_text_is_refused(self, speaker: Served, text: str) -> None:
        with pytest.raises(BadRequest) as refused:
            list(speaker.tts.synthesize(SynthesisRequest(text)))
        assert refused.value.field == "text"

    def test_ten_thousand_characters_begin_at_once_and_can_be_stopped(self, speaker: Served) -> None:
        frames = speaker.tts.synthesize(SynthesisRequest(("The weather is nice today. " * 371)[:10_000]))
        assert next(frames).seconds < 30
        frames.close()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("what", OUTSIDE)
    def test_numbers_out_of_range_are_brought_in_or_refused_by_name(self, speaker: Served, what: str) -> None:
        seconds, field = said_or_refused(speaker.tts, SynthesisRequest(SAID, options=OUTSIDE[what]))
        if speaker.name == "piper":
            assert field in OUTSIDE[what]
        else:
            assert (seconds > 1, field) == (True, None)

    @pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", True], ids=repr)
    @pytest.mark.parametrize("name", ["temperature", "seed", "speed", "pitch"])
    def test_what_is_no_number_is_refused_by_name(self, speaker: Served, name: str, value: object) -> None:
        if name in ("speed", "pitch"):
            request = SynthesisRequest(SAID, **{name: value})  # type: ignore[arg-type]
        else:
            request = SynthesisRequest(SAID, options={name: value})
        assert said_or_refused(speaker.tts, request) == (0.0, name)


@pytest.fixture(scope="module", params=["faster_whisper", "whisper"])
def ear(request: pytest.FixtureRequest, loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SttEngine]:
    config = tmp_path_factory.mktemp("ear") / "config.toml"
    config.touch()
    if request.param == "whisper":
        model = request.getfixturevalue("whisper_checkpoint")
        config.write_text(f'[engines.whisper]\nmodel = {json.dumps(str(model))}\ndevice = "cpu"\n')
    with served(request.param, AURICLE_CONFIG=str(config)) as uri:
        yield SttOverTheWire(elsewhere(uri), loop)


@pytest.mark.timeout(300)
class TestHearing:
    @pytest.mark.parametrize("what", ["silence", "hum", "noise", "beep", "0.1 s of speech"])
    def test_what_has_no_words_has_no_text(self, ear: SttEngine, speak: Speak, what: str) -> None:
        sound = speak(SAID)[3_000:4_600] if what == "0.1 s of speech" else sound_without_words(what, 2.0)
        assert heard(ear, sound) == ""

    @pytest.mark.parametrize("language", ["../en", "e" * 5_000, "\x00", "qqq"], ids=lambda language: repr(language[:9]))
    def test_a_language_that_is_none_is_refused_and_the_next_request_is_heard(
        self, ear: SttEngine, speak: Speak, language: str
    ) -> None:
        with pytest.raises(EngineError):
            list(ear.transcribe(frames_of(speak(SAID)), language))
        assert share_of_words(SAID, heard(ear, speak(SAID))) >= 0.8


def elsewhere(uri: str) -> Remote:
    return Remote("elsewhere", uri, on_change=print)


def heard(ear: SttEngine, sound: Samples) -> str:
    return list(ear.transcribe(frames_of(sound), None))[-1].text


def said_or_refused(tts: TtsEngine, request: SynthesisRequest) -> tuple[float, str | None]:
    """Seconds of speech, or the field that was refused."""
    try:
        return sum(frame.seconds for frame in tts.synthesize(request)), None
    except BadRequest as refused:
        return 0.0, refused.field
