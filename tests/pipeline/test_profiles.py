"""Profiles on disk: whole or not at all, for their owner, strictly checked; who comes and goes is seen at once."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auricle.pipeline.profiles import (
    LAYOUT,
    Profile,
    ProfileError,
    Profiles,
    enrolled,
    is_name,
    load,
    remove,
    save,
)
from auricle.pipeline.voiceprint import KIND, Voiceprint

NUMBERS = tuple(float(number) for number in range(31))


def profile(name: str = "ann", word: str = "alexa", mean: tuple[float, ...] = NUMBERS) -> Profile:
    return Profile(
        layout=LAYOUT,
        name=name,
        word=word,
        at=datetime(2026, 1, 2, tzinfo=UTC),
        made_by="0.1.0",
        recordings=5,
        voiceprint=Voiceprint(kind=KIND, mean=mean, spread=(1.0,) * 31),
    )


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    path = save(tmp_path / "enrolled", profile())
    assert path == tmp_path / "enrolled" / "alexa" / "ann.json"
    assert load(path) == profile()
    assert json.loads(path.read_text())["voiceprint"]["kind"] == KIND


def test_only_the_owner_may_read_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = save(tmp_path / "enrolled", profile())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["ann.json"]


def test_what_cannot_be_written_is_named_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = save(tmp_path, profile())
    (path.parent / f".ann.{os.getpid()}.part").mkdir()
    with pytest.raises(ProfileError, match=r"ann\.json cannot be written"):
        save(tmp_path, profile(mean=(9.0,) * 31))
    assert load(path) == profile()


@pytest.mark.parametrize(
    ("name", "fits"),
    [("ann", True), ("a_1-b", True), ("", False), ("Ann", False), ("../x", False), ("a" * 65, False), ("ann\n", False)],
)
def test_names_are_names_of_files(name: str, fits: bool) -> None:
    assert is_name(name) is fits


BROKEN = {
    "nothing": lambda good: b"",
    "cut": lambda good: good[: len(good) // 2],
    "no text": lambda good: b"\x80\x04\x95" + good,
    "another type": lambda good: b"[]",
    "a key too many": lambda good: good.replace(b'"layout"', b'"x": 1, "layout"'),
    "a key too few": lambda good: good.replace(b'"recordings": 5,', b""),
    "a word for a number": lambda good: good.replace(b"30.0", b'"30"'),
    "no number": lambda good: good.replace(b"30.0", b"NaN"),
    "a number that is none": lambda good: good.replace(b"30.0", b"1e999"),
    "a number too few": lambda good: good.replace(b"30.0", b"").replace(b"29.0,", b"29.0"),
    "no spread": lambda good: good.replace(b"1.0", b"0.0"),
    "another kind": lambda good: good.replace(KIND.encode(), b"cepstra-9"),
    "another layout": lambda good: good.replace(b'"layout": 1', b'"layout": 2'),
    "somebody else's": lambda good: good.replace(b'"ann"', b'"bob"'),
    "another word's": lambda good: good.replace(b'"alexa"', b'"hey_jarvis"'),
    "too large": lambda good: good + b" " * 5_000_000,
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_file_is_named_with_what_to_do(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path, profile())
    good = path.read_bytes()
    path.write_bytes(BROKEN[damage](good))
    assert path.read_bytes() != good
    with pytest.raises(ProfileError, match=r"alexa/ann\.json .*auricle wake forget ann, then enrol again"):
        load(path)


def test_a_broken_profile_is_told_once_and_the_others_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path, profile())
    save(tmp_path, profile("bob")).write_text("{")
    profiles = Profiles(tmp_path)
    with caplog.at_level(logging.ERROR):
        assert [one.name for one in profiles.of("alexa")] == ["ann"]
        assert [one.name for one in profiles.of("alexa")] == ["ann"]
    assert len(caplog.records) == 1
    assert "alexa/bob.json" in caplog.text


def test_who_is_enrolled_or_forgotten_is_seen_at_the_next_look(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "enrolled")
    assert profiles.of("alexa") == ()
    path = save(tmp_path / "enrolled", profile())
    assert [one.name for one in profiles.of("alexa")] == ["ann"]
    assert profiles.of("hey_jarvis") == ()
    save(tmp_path / "enrolled", profile("bob"))
    assert [one.name for one in profiles.of("alexa")] == ["ann", "bob"]
    save(tmp_path / "enrolled", profile(mean=(7.0,) * 31))
    assert profiles.of("alexa")[0].voiceprint.mean == (7.0,) * 31
    remove(path)
    assert [one.name for one in profiles.of("alexa")] == ["bob"]


def test_all_are_listed_by_word_and_name_broken_ones_too(tmp_path: Path) -> None:
    for name, word in (("bob", "alexa"), ("ann", "alexa"), ("ann", "hey_jarvis")):
        save(tmp_path, profile(name, word))
    (tmp_path / "alexa" / "cy.json").write_text("")
    found = list(enrolled(tmp_path))
    assert [f"{path.parent.name}/{path.stem}" for path, _ in found] == [
        "alexa/ann",
        "alexa/bob",
        "alexa/cy",
        "hey_jarvis/ann",
    ]
    assert [isinstance(one, Profile) for _, one in found] == [True, True, False, True]
    assert list(enrolled(tmp_path / "nowhere")) == []


def test_the_last_one_takes_its_folder_along(tmp_path: Path) -> None:
    remove(save(tmp_path, profile()))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProfileError, match=r"ann\.json cannot be removed"):
        remove(tmp_path / "alexa" / "ann.json")
