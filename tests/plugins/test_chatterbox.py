"""Chatterbox: what is done with text, numbers, clips and speech."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from auricle.api import BadRequest, EngineUnavailable
from auricle_chatterbox import ChatterboxConfig
from auricle_chatterbox.checkpoint import MODELS, locate
from auricle_chatterbox.guard import judge, most_codes
from auricle_chatterbox.parameters import settle
from auricle_chatterbox.sound import faded, trimmed
from auricle_chatterbox.voices import clip_fault, find_clips, prepared_file
from auricle_chatterbox.wording import pieces, spoken
from support.voice_clips import RATE_HZ, voice_like, write


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It is 3:30 pm.", "It is three thirty p m."),
        ("From 9:00 a.m. on", "From nine a m on"),
        ("At 15:05 and 10:00.", "At fifteen oh five and ten o'clock."),
        ("Wake me at 7 am", "Wake me at seven a m"),
        ("On 2026-11-23.", "On November twenty third, twenty twenty six."),
        ("On 11/23/2026 or November 5", "On November twenty third, twenty twenty six or November fifth"),
        ("21 °C, 1 km and 3.50 kg", "twenty one degrees Celsius, one kilometer and three point five zero kilograms"),
        ("It costs $4.50 or €1.", "It costs four dollars fifty or one euro."),
        ("1,234 steps, -5 degrees, 5-10 %", "one thousand, two hundred and thirty four steps, minus five degrees, "
         "five to ten percent"),
        ("Dr. Smith, e.g. the 2nd of #7", "Doctor Smith, for example the second of number seven"),
        ("1/2 & 007", "one half and zero zero seven"),
        ("a@b.c at http://x.y/z?a=b", "a at b dot c at x dot y z a b"),
        ("Good \ud800 day 😀\x07 <b>you</b>", "Good day you"),
        ("Nothing to change here!", "Nothing to change here!"),
        ("...", ""),
        ("😀", ""),
    ],
)  # fmt: skip
def test_english_is_written_out(text: str, said: str) -> None:
    assert spoken(text, "en") == said


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("de", "Um 15:30 Uhr, z. B. 3,5 kg.", "Um fünfzehn Uhr dreißig, zum Beispiel drei Komma fünf Kilogramm."),
        ("de", "Am 3.10.2026 ca. 1.500 m", "Am dritter Oktober zweitausendsechsundzwanzig circa eintausendfünfhundert "
         "Meter"),
        ("fr", "Il est 15:30, 20 %", "Il est quinze heures trente, vingt pour cent"),
        ("es", "El 23/11/2026: 5 km", "El veintitrés de noviembre de dos mil veintiséis: cinco kilómetros"),
        ("zh", "现在3:30", "现在3:30"),
        ("sw", "Saa 5", "Saa 5"),
    ],
)  # fmt: skip
def test_other_languages_are_written_out_in_their_own_words(language: str, text: str, said: str) -> None:
    assert spoken(text, language) == said


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "ja", "ar", "ko", "pl", "tr"])
def test_no_digit_is_left_where_numbers_have_words(language: str) -> None:
    text = "12:45, 2026-01-31, 3.75, 1000000, 99 %, 12345678901234567890, 0, 7th, 5 €"
    assert re.search(r"\d", spoken(text, language)) is None


def test_pieces_keep_every_word_and_their_length() -> None:
    text = " ".join(f"word{number}{'.' if number % 13 == 0 else ''}" for number in range(400)) + " " + "x" * 500
    found = pieces(text)
    assert max(map(len, found)) <= 220
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


def test_short_sentences_are_said_with_a_neighbour() -> None:
    assert pieces("Yes. The light in the kitchen is on. It is late now.") == [
        "Yes. The light in the kitchen is on.",
        "It is late now.",
    ]
    assert pieces("Yes.") == ["Yes."]
    assert pieces("") == []


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("cfg_weight", 0, 0.001),
        ("temperature", 0.0, 0.05),
        ("temperature", 9, 2.0),
        ("repetition_penalty", -1, 1.0),
        ("min_p", 1.5, 1.0),
        ("top_p", 0, 0.01),
        ("exaggeration", -0.5, 0.0),
    ],
)
def test_numbers_beyond_the_model_become_the_nearest_allowed(name: str, value: float, taken: float) -> None:
    parameters = settle(ChatterboxConfig(), {name: value})
    assert parameters.values[name] == taken
    [note] = parameters.notes
    assert note.startswith(f"{name} {value:g} is not from ")
    assert note.endswith(f": {taken:g} is taken")


def test_a_request_goes_before_the_configuration_and_that_before_the_model() -> None:
    config = ChatterboxConfig(temperature=0.5, top_p=0.9, seed=7)
    parameters = settle(config, {"temperature": 0.6})
    assert parameters.values == {
        "exaggeration": 0.5,
        "cfg_weight": 0.5,
        "temperature": 0.6,
        "repetition_penalty": 1.2,
        "min_p": 0.05,
        "top_p": 0.9,
    }
    assert (parameters.seed, settle(config, {"seed": -3}).seed, settle(ChatterboxConfig(), {}).seed) == (7, 0, None)
    assert settle(ChatterboxConfig(model="multilingual"), {}).values["repetition_penalty"] == 2.0


def test_turbo_is_not_given_what_it_lacks() -> None:
    parameters = settle(ChatterboxConfig(model="turbo"), {"exaggeration": 0.7})
    assert parameters.values == {"temperature": 0.8, "repetition_penalty": 1.2, "top_p": 0.95}
    assert parameters.notes == ("exaggeration is left out: turbo has no such thing",)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5", True, [1]])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match=r"not a number from 0\.05 to 2") as refused:
        settle(ChatterboxConfig(), {"temperature": value})
    assert refused.value.field == "temperature"


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(BadRequest, match="no option 'speeed'"):
        settle(ChatterboxConfig(), {"speeed": 1})


def test_a_clip_of_speech_is_a_voice(tmp_path: Path) -> None:
    write(tmp_path / "anna.wav", voice_like(6.0))
    write(tmp_path / "bert.flac", voice_like(9.9))
    (tmp_path / "notes.txt").write_text("no voice")
    assert [(clip.name, clip.fault) for clip in find_clips(str(tmp_path))] == [("anna", ""), ("bert", "")]


@pytest.mark.parametrize(
    ("sound", "fault"),
    [
        ("short", r"is 0\.02 s long: it has to be longer than 5 s and at most 10 s"),
        ("long", r"is 10\.10 s long"),
        ("silent", "is silent but for 0.0 s"),
        ("clipped", "is clipped: record it more quietly"),
        ("not finite", "holds numbers that are no sound"),
        ("no sound", "is no sound that can be read"),
        ("telephone", "is at 8000 Hz"),
    ],
)
def test_a_clip_that_cannot_be_a_voice_says_why(tmp_path: Path, sound: str, fault: str) -> None:
    file = tmp_path / "clip.wav"
    match sound:
        case "short":
            write(file, voice_like(0.02))
        case "long":
            write(file, voice_like(10.1))
        case "silent":
            write(file, np.zeros(6 * RATE_HZ))
        case "clipped":
            write(file, np.clip(voice_like(6.0) * 10, -1, 1))
        case "not finite":
            write(file, np.full(6 * RATE_HZ, np.nan))
        case "telephone":
            write(file, voice_like(2.0), rate_hz=8_000)
        case _:
            file.write_bytes(b"RIFF, or not")
    assert re.search(fault, clip_fault(file))


def test_names_of_voices_are_plain(tmp_path: Path) -> None:
    for name in ("a b.wav", "default.wav", "a.b.wav"):
        write(tmp_path / name, voice_like(6.0))
    assert all(clip.fault for clip in find_clips(str(tmp_path)))
    with pytest.raises(EngineUnavailable, match=r"voices_dir .* is no folder"):
        find_clips(str(tmp_path / "none"))


def test_a_prepared_voice_belongs_to_one_clip_and_model(tmp_path: Path) -> None:
    write(tmp_path / "anna.wav", voice_like(6.0))
    [clip] = find_clips(str(tmp_path))
    first = prepared_file(str(tmp_path / "cache"), clip, "one model")
    assert first == prepared_file(str(tmp_path / "cache"), clip, "one model")
    other_model = prepared_file(str(tmp_path / "cache"), clip, "another model")
    write(tmp_path / "anna.wav", voice_like(6.5))
    other_clip = prepared_file(str(tmp_path / "cache"), clip, "one model")
    assert len({first, other_model, other_clip}) == 3
    assert {file.parent for file in (first, other_model, other_clip)} == {tmp_path / "cache"}


def test_a_model_is_found_where_the_hubs_client_keeps_it(tmp_path: Path) -> None:
    kept = tmp_path / "hub" / "models--ResembleAI--chatterbox"
    for revision in ("0old", "9main"):
        folder = kept / "snapshots" / revision
        folder.mkdir(parents=True)
        for name in MODELS["chatterbox"].needed:
            (folder / name).touch()
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("9main\n")
    assert locate("chatterbox", None, {"HF_HOME": str(tmp_path)}) == kept / "snapshots" / "9main"
    (kept / "snapshots" / "9main" / "tokenizer.json").unlink()
    assert locate("chatterbox", None, {"HF_HUB_CACHE": str(tmp_path / "hub")}).name == "0old"


def test_a_model_that_is_missing_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="auricle models pull chatterbox-turbo"):
        locate("turbo", None, {"HF_HOME": str(tmp_path)})
    with pytest.raises(EngineUnavailable, match=r"checkpoint .* lacks ve\.pt, t3_mtl23ls_v2\.safetensors"):
        locate("multilingual", str(tmp_path))


def test_good_speech_passes_the_guard() -> None:
    assert judge(speech(2.0), codes(50), 30) is None


@pytest.mark.parametrize(
    ("samples", "heard", "fault", "unusable"),
    [
        ("nan", 50, "the sound is no numbers", True),
        ("silent", 50, "there is no sound", True),
        ("empty", 0, "there is no sound", True),
        ("clipped", 50, "the sound is clipped", False),
        ("fine", 118, "4.7 s are too long for 30 characters", False),
        ("short", 12, "0.5 s are too short for 30 characters", False),
        ("fine", -1, "a sound is repeated over and over", False),
        ("fine", -7, "a sound is repeated over and over", False),
    ],
)
def test_bad_speech_is_caught(samples: str, heard: int, fault: str, unusable: bool) -> None:
    sound = {
        "nan": np.full(RATE_HZ, np.nan, np.float32),
        "silent": np.zeros(RATE_HZ, np.float32),
        "empty": np.zeros(0, np.float32),
        "clipped": np.sign(speech(2.0)),
        "short": speech(0.5),
    }.get(samples, speech(2.0))
    made = codes(heard) if heard >= 0 else [*codes(20), *(list(range(-heard)) * 40)[:50], *codes(20)]
    found = judge(sound, made, 30)
    assert found is not None
    assert (found.text, found.unusable) == (fault, unusable)


def test_longer_texts_may_take_longer() -> None:
    assert (most_codes(0), most_codes(100)) == (50, 275)


def test_dead_ends_are_cut_and_edges_soft() -> None:
    sound = np.concatenate([np.zeros(RATE_HZ), speech(1.0), np.zeros(RATE_HZ)]).astype(np.float32)
    cut = trimmed(sound, RATE_HZ)
    assert 1.0 <= len(cut) / RATE_HZ < 1.2
    soft = faded(np.ones(RATE_HZ, np.float32), RATE_HZ)
    assert (soft[0], soft[-1], soft[RATE_HZ // 2]) == (0.0, 0.0, 1.0)


def speech(seconds: float) -> np.ndarray:
    return voice_like(seconds)


def codes(count: int) -> Sequence[int]:
    """As varied as speech is."""
    return [int(code) for code in np.random.default_rng(2).integers(0, 6561, max(count, 0))]
