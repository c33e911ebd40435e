"""A voice in 31 numbers: what is the same voice is near, what is another is far, in a kitchen too."""

from pathlib import Path

import numpy as np
import pytest

from auricle.api import AudioFrame
from auricle.pipeline.enrolment import EnrolmentError, likenesses, make_profile
from auricle.pipeline.voiceprint import BEFORE_SAMPLES, KIND, Voiceprint, learn, likeness, voice_of, wrong
from auricle.pipeline.wake import WakeDetector
from support.enrolled import ENROLLED, around, heard, in_noise, profile_of, smaller
from support.recordings import Samples, load_samples

SAME = ((10, 11), (37, 38), (200, 201), (260, 261), (265, 267), (289, 290))
"""Recordings that come after each other and are one person's, to judge by pitch and sound; the set has no names."""


def sound(samples: Samples) -> AudioFrame:
    return AudioFrame(samples.astype("<i2").tobytes())


def buzz(pitch_hz: float) -> Samples:
    time_s = np.arange(BEFORE_SAMPLES) / 16_000
    return np.asarray(3_000 * sum(np.sin(2 * np.pi * pitch_hz * n * time_s) / n for n in range(1, 20)), np.int16)


@pytest.mark.parametrize("pitch_hz", [80, 120, 210, 350])
def test_pitch_is_the_last_number(pitch_hz: float) -> None:
    assert np.exp(voice_of(sound(buzz(pitch_hz)))[-1]) == pytest.approx(pitch_hz, rel=0.03)


def test_how_loud_it_is_does_not_matter() -> None:
    said = buzz(120)
    assert voice_of(sound(said // 8)) == pytest.approx(voice_of(sound(said)), abs=0.1)


def test_only_the_end_of_the_sound_counts() -> None:
    before = np.random.default_rng(1).normal(0, 3_000, 16_000).astype(np.int16)
    assert (voice_of(sound(np.concatenate([before, buzz(120)]))) == voice_of(sound(buzz(120)))).all()


@pytest.mark.parametrize("samples", [0, 1, 100, 12_800])
def test_silence_and_short_sound_are_nobodys(samples: int) -> None:
    print_ = learn([voice_of(sound(buzz(pitch))) for pitch in (118, 120, 123)])
    assert likeness(print_, voice_of(sound(np.zeros(samples, np.int16)))) < 0.01


def test_sayings_that_vary_make_a_wider_print() -> None:
    voices = [voice_of(sound(buzz(pitch))) for pitch in (100, 130, 160)]
    narrow, wide = learn([voices[1]] * 3), learn(voices)
    assert all(after >= before for before, after in zip(narrow.spread, wide.spread, strict=True))
    assert wide.spread[-1] > narrow.spread[-1]


def test_a_print_of_another_kind_or_length_is_wrong() -> None:
    good = learn([voice_of(sound(buzz(120)))])
    assert wrong(good) is None
    assert "cepstra-0" in str(wrong(Voiceprint(kind="cepstra-0", mean=good.mean, spread=good.spread)))
    assert "30" in str(wrong(Voiceprint(kind=KIND, mean=good.mean[1:], spread=good.spread)))


@pytest.mark.models
def test_held_out_sayings_of_a_voice_are_its_own_and_a_shorter_throat_is_not(
    joe: list[Samples], hears_everybody: WakeDetector
) -> None:
    print_ = profile_of("joe", hears_everybody, joe[:ENROLLED]).voiceprint
    own = [likeness(print_, saying.voice) for said in joe[ENROLLED:] for saying in heard(hears_everybody, said)]
    other = [
        likeness(print_, saying.voice) for said in joe[:5] for saying in heard(hears_everybody, smaller(said, 1.2))
    ]
    assert len(own) == 15
    assert min(own) >= 0.5
    assert max(other) < 0.2


@pytest.mark.models
@pytest.mark.data
def test_a_voice_is_known_in_a_kitchen_and_real_people_are_mostly_not_taken_for_it(
    joe: list[Samples], hears_everybody: WakeDetector, recordings: Path
) -> None:
    print_ = profile_of("joe", hears_everybody, joe[:ENROLLED]).voiceprint
    noise = load_samples(recordings / "noise" / "kitchen.flac")
    kitchen = [in_noise(said, noise, 10, 20_000 + 30_000 * at) for at, said in enumerate(joe[ENROLLED:])]
    own = [likeness(print_, saying.voice) for said in kitchen for saying in heard(hears_everybody, said)]
    people = [around(load_samples(path)) for path in sorted((recordings / "wake" / "alexa").glob("*.flac"))[:30]]
    others = [likeness(print_, saying.voice) for said in people for saying in heard(hears_everybody, said)]
    print(sorted(round(like, 2) for like in own), f"own {min(own):.2f} at least, others {max(others):.2f} at most")
    assert sum(like >= 0.5 for like in own) >= len(own) - 1
    assert len(own) >= 14
    assert sum(like >= 0.5 for like in others) <= len(others) // 10
    assert len(others) >= 28


@pytest.mark.models
@pytest.mark.data
def test_one_saying_of_a_real_person_is_like_the_other_and_mostly_unlike_everybody_elses(
    hears_everybody: WakeDetector, recordings: Path
) -> None:
    numbers = {number for pair in SAME for number in pair}
    voices = {
        number: heard(hears_everybody, around(load_samples(recordings / "wake" / "alexa" / f"{number}.flac")))[0].voice
        for number in numbers
    }
    own, others = [], []
    for pair in SAME:
        for number in pair:
            print_ = learn([voices[number]])
            own += [likeness(print_, voices[other]) for other in pair if other != number]
            others += [likeness(print_, voices[other]) for other in numbers if other not in pair]
    assert min(own) >= 0.5
    assert sum(like >= 0.5 for like in others) <= len(others) // 5


@pytest.mark.models
def test_a_saying_of_somebody_else_stands_out(joe: list[Samples], hears_everybody: WakeDetector) -> None:
    said = [saying for samples in [*joe[:4], smaller(joe[4], 1.2)] for saying in heard(hears_everybody, samples)]
    alike = likenesses(said)
    assert min(alike[:4]) > alike[4]
    assert alike[4] < 0.2


@pytest.mark.models
def test_too_few_and_too_many_sayings_make_no_profile(joe: list[Samples], hears_everybody: WakeDetector) -> None:
    said = heard(hears_everybody, joe[0])
    with pytest.raises(EnrolmentError, match=r"heard 2 times.*at least 3"):
        make_profile("joe", "alexa", said * 2)
    with pytest.raises(EnrolmentError, match=r"heard 51 times.*at most 50"):
        make_profile("joe", "alexa", said * 51)
