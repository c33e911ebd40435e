"""Our own voice in the microphone: found, followed through two clocks, and removed while the person's stays."""

from collections.abc import Sequence

import numpy as np
import pytest
import soxr

from auricle.api import INBOUND_RATE_HZ as RATE
from auricle.api import AudioFrame, WakeEngine, WakeScore, WakeWordChoice
from auricle.cli.figures.acoustics import impulse_response
from auricle.pipeline.devices import Format
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.far_end import FarEnd
from auricle.pipeline.own_voice import OwnVoice
from auricle.pipeline.wake import WakeDetector, WakeHit
from auricle.settings import WakeWord

BLOCK = 1_280
ASKED = 320


def voice(seconds: float, seed: int) -> np.ndarray:
    """Noise that comes and goes and is coloured as speech is; int16."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE)
    coloured = np.convolve(random.normal(0, 1, count), 0.9 ** np.arange(40), "same")
    pace = np.repeat(random.uniform(0.05, 1, count // 1_600 + 1), 1_600)[:count]
    return np.clip(coloured * pace * 2_500, -32_768, 32_767).astype(np.int16)


class Room:
    """A loudspeaker and a microphone, their blocks in the order of time; `hear` gives the sound before and after."""

    def __init__(self, *, delay_ms: float = 90.0, level_db: float = -10.0, drift_ppm: float = 0.0) -> None:
        self.far_end = FarEnd()
        self.canceller = EchoCanceller(self.far_end)
        self.now_s = 1_000.0
        self.own_voice: OwnVoice | None = None
        """Hears what is left, from the first sample on."""
        self._left = 0
        self._response = impulse_response(delay_ms + 150, level_db, 5)
        self._drift_ppm = drift_ppm
        self._random = np.random.default_rng(2)

    def hear(self, own: np.ndarray, person: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """What the microphone gave, and what was left of it."""
        echo = np.convolve(own.astype(np.float64), self._response)[: len(own) + RATE]
        if self._drift_ppm:
            echo = soxr.resample(echo, 1_000_000, 1_000_000 - self._drift_ppm, quality="VHQ")
        near = np.zeros(len(own) + RATE)
        near[: len(echo)] += echo[: len(near)]
        if person is not None:
            near[: len(person)] += person
        near = np.round(near + self._random.normal(0, 3, len(near))).astype(np.int16)
        near = near[: len(near) // BLOCK * BLOCK]
        pace = 1 + self._drift_ppm / 1e6
        asked = [(self.now_s + at / RATE * pace - 0.05 + self._late(), at, False) for at in range(0, len(own), ASKED)]
        given = [(self.now_s + (at + BLOCK) / RATE + self._late(), at, True) for at in range(0, len(near), BLOCK)]
        left = []
        for at_s, at, microphone in sorted(asked + given):
            if microphone:
                left.append(self.canceller.feed(near[at : at + BLOCK].tobytes(), at_s))
                if self.own_voice is not None and left[-1]:
                    frame = AudioFrame(left[-1], self._left)
                    self._left = frame.end_sample
                    self.own_voice.feed(frame)
            else:
                self.far_end.played(own[at : at + ASKED].tobytes(), ASKED, Format(RATE, 1), at_s)
        self.now_s += len(near) / RATE
        return near, np.frombuffer(b"".join(left), "<i2")

    def wait(self, seconds: float) -> bytes:
        """Silence comes in; returns what is made of it."""
        left = b""
        for _ in range(round(seconds * RATE / BLOCK)):
            self.now_s += BLOCK / RATE
            left += self.canceller.feed(bytes(2 * BLOCK), self.now_s)
        return left

    def _late(self) -> float:
        return abs(float(self._random.normal(0, 0.002)))


def weaker_db(before: np.ndarray, after: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(before.astype(float) ** 2) / np.mean(after.astype(float) ** 2)))


@pytest.mark.parametrize("delay_ms", [20, 110, 200])
def test_an_echo_is_found_and_removed(delay_ms: float) -> None:
    near, left = Room(delay_ms=delay_ms).hear(voice(6, 1))
    assert weaker_db(near[4 * RATE : 6 * RATE], left[4 * RATE : 6 * RATE]) > 12


def test_two_clocks_that_differ_are_followed_and_known_the_next_time() -> None:
    room = Room(drift_ppm=100)
    room.hear(voice(9, 1))
    assert room.canceller.drift_ppm == pytest.approx(100, abs=15)
    room.wait(2)
    near, left = room.hear(voice(5, 2))
    assert weaker_db(near[2 * RATE : 5 * RATE], left[2 * RATE : 5 * RATE]) > 12


def test_a_person_who_speaks_over_it_stays() -> None:
    room = Room()
    room.hear(voice(5, 1))
    room.wait(2)
    person = np.zeros(5 * RATE)
    person[3 * RATE : 4 * RATE] = voice(1, 9)
    _, left = room.hear(voice(5, 2), person)
    kept = left[3 * RATE : 4 * RATE].astype(float)
    said = person[3 * RATE : 4 * RATE]
    assert np.corrcoef(kept, said)[0, 1] > 0.95


def test_while_nothing_is_played_sound_passes_untouched() -> None:
    room = Room()
    sound = voice(1, 3).tobytes()
    assert room.canceller.feed(sound, room.now_s) == sound
    assert not room.canceller.active


def test_after_the_echo_sound_passes_untouched_again_and_none_is_lost() -> None:
    room = Room()
    near, left = room.hear(voice(3, 1))
    rest = room.wait(1)
    assert not room.canceller.active
    assert len(left) * 2 + len(rest) == len(near) * 2 + round(RATE / BLOCK) * BLOCK * 2
    sound = voice(1, 3).tobytes()
    assert room.canceller.feed(sound, room.now_s + 1) == sound


def test_a_gap_in_the_microphone_is_survived() -> None:
    room = Room()
    room.hear(voice(4, 1))
    room.canceller.reset()
    room.now_s += 7
    near, left = room.hear(voice(5, 2))
    assert weaker_db(near[3 * RATE : 5 * RATE], left[3 * RATE : 5 * RATE]) > 12


def test_a_loudspeaker_of_another_format_is_the_same_voice() -> None:
    far_end = FarEnd()
    sound = voice(1, 1)
    stereo = np.repeat(np.asarray(soxr.resample(sound, RATE, 48_000), np.int16), 2)
    for at in range(0, len(stereo), 1_920):
        far_end.played(stereo[at : at + 1_920].tobytes(), 960, Format(48_000, 2), at / 96_000)
    far_end.take_in()
    got = far_end.read(4_000.0, 4_000, 1.0) * 32_768
    assert np.corrcoef(got, sound[4_000:8_000])[0, 1] > 0.99


class Scripted(WakeEngine):
    """Hears a word in every frame that is not silent."""

    score = 0.95

    def load(self) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> None: ...

    def available_words(self) -> tuple[str, ...]:
        return ("alexa",)

    def feed(self, frame: AudioFrame) -> list[WakeScore]:
        loud = any(frame.pcm)
        return [WakeScore(self.words[0].model, self.score if loud else 0.0, 0.9, frame.end_sample)]


def detector(word: str, score: float = 0.95) -> WakeDetector:
    def make(engine: str, choices: Sequence[WakeWordChoice]) -> WakeEngine:
        made = Scripted(None, choices)  # type: ignore[arg-type]
        made.score = score
        return made

    return WakeDetector([WakeWord(model=word)], make, refractory_s=0.0)


def test_a_word_that_we_say_ourselves_is_known_as_ours() -> None:
    room = Room()
    own_voice = OwnVoice(detector("alexa"), detector("stop"), lambda: False, room.canceller)
    own_voice.load()
    quiet = AudioFrame(bytes(2 * BLOCK), 0)
    assert own_voice.feed(quiet) is None
    assert not own_voice.says(WakeHit("alexa", 0.9, BLOCK))
    room.canceller.own = np.full(BLOCK, 0.1, np.float32)
    own_voice.feed(AudioFrame(bytes(2 * BLOCK), 10 * BLOCK))
    assert own_voice.says(WakeHit("alexa", 0.9, 12 * BLOCK))
    assert not own_voice.says(WakeHit("alexa", 0.9, 60 * BLOCK))


def saying(room: Room, *, score: float, blocks: int) -> OwnVoice:
    """Our own voice says something like "alexa" from the first sample on."""
    own_voice = OwnVoice(detector("alexa", score), detector("stop"), lambda: False, room.canceller)
    own_voice.load()
    room.canceller.own = np.full(BLOCK, 0.1, np.float32)
    for block in range(blocks):
        own_voice.feed(AudioFrame(bytes(2 * BLOCK), block * BLOCK))
    return own_voice


def test_a_word_that_we_say_twice_in_a_row_is_ours_both_times() -> None:
    own_voice = saying(Room(), score=0.95, blocks=40)
    assert own_voice.says(WakeHit("alexa", 0.9, 2 * BLOCK))
    assert own_voice.says(WakeHit("alexa", 0.9, 40 * BLOCK))


def test_a_faint_likeness_is_ours_where_little_was_heard_of_it_and_a_clear_word_is_a_persons() -> None:
    own_voice = saying(Room(), score=0.02, blocks=4)
    assert own_voice.says(WakeHit("alexa", 0.2, 4 * BLOCK))
    assert not own_voice.says(WakeHit("alexa", 0.9, 4 * BLOCK))


def test_another_word_than_the_one_we_say_is_a_persons() -> None:
    own_voice = saying(Room(), score=0.95, blocks=4)
    assert not own_voice.says(WakeHit("hey_jarvis", 0.9, 4 * BLOCK))


def test_a_word_over_our_own_voice_is_a_persons_only_where_more_is_left_than_the_filter_leaves() -> None:
    quiet = Room()
    quiet.own_voice = OwnVoice(detector("alexa", 0.0), detector("stop"), lambda: False, quiet.canceller)
    quiet.own_voice.load()
    own = voice(9, 1)
    own[7 * RATE : 8 * RATE] = 0
    quiet.hear(own)
    assert quiet.own_voice.says(WakeHit("alexa", 0.9, 6 * RATE))  # nobody spoke: what is left of ours is taken for it
    assert not quiet.own_voice.says(WakeHit("alexa", 0.9, 8 * RATE))  # said in a pause of ours

    room = Room()
    room.own_voice = OwnVoice(detector("alexa", 0.0), detector("stop"), lambda: False, room.canceller)
    room.own_voice.load()
    person = np.zeros(7 * RATE)
    person[round(5.3 * RATE) : 6 * RATE] = 0.3 * voice(0.7, 9)  # about as loud as the echo
    room.hear(voice(9, 1), person)
    assert not room.own_voice.says(WakeHit("alexa", 0.9, 6 * RATE))


def test_a_stop_word_is_heard_only_while_there_is_something_to_stop() -> None:
    speaking = False
    own_voice = OwnVoice(detector("alexa"), detector("stop"), lambda: speaking, None)
    own_voice.load()
    loud = voice(0.08, 1).tobytes()
    assert own_voice.feed(AudioFrame(loud, 0)) is None
    speaking = True
    hit = own_voice.feed(AudioFrame(loud, BLOCK))
    assert hit is not None
    assert hit.wake_word == "stop"
