"""The speech cache: what it finds, what it forgets, and what it makes of a folder that others were in."""

import logging
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auricle.speech_cache import SpeechCache, cache_key

RATE = 24_000
KEYS = [cache_key({"text": f"sentence {number}"}) for number in range(8)]
SOUND = bytes(range(256)) * 40
ENTRY = len(SOUND) + 20


@pytest.fixture
def cache(tmp_path: Path) -> SpeechCache:
    return SpeechCache(tmp_path / "cache" / "speech", limit_bytes=4 * ENTRY)


def kept(cache: SpeechCache) -> list[int]:
    return [number for number, key in enumerate(KEYS) if cache.has(key)]


def test_what_was_put_is_found_again_also_by_another_process(cache: SpeechCache) -> None:
    assert cache.get(KEYS[0], RATE) is None
    cache.put(KEYS[0], SOUND, RATE)
    assert cache.get(KEYS[0], RATE) == SOUND
    assert SpeechCache(cache.folder, limit_bytes=4 * ENTRY).get(KEYS[0], RATE) == SOUND


def test_the_key_tells_everything_apart_and_nothing_to_a_reader() -> None:
    facts = {
        "engine": "piper",
        "text": "the door code is 4711",
        "voice": None,
        "speed": 1.0,
        "options": {"a": 1, "b": 2},
    }
    changed = [
        facts | {"engine": "chatterbox"},
        facts | {"text": "the door code is 4712"},
        facts | {"voice": "joe"},
        facts | {"speed": 1.1},
        facts | {"options": {"a": 1, "b": 3}},
    ]
    keys = [cache_key(each) for each in (facts, *changed)]
    assert len(set(keys)) == len(keys)
    assert cache_key(facts | {"options": {"b": 2, "a": 1}}) == keys[0]
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)


def test_the_folder_is_private_and_holds_hashes_alone(cache: SpeechCache) -> None:
    cache.put(KEYS[0], SOUND, RATE)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert [path.name for path in cache.folder.iterdir()] == [f"{KEYS[0]}.pcm"]
    assert (cache.folder / f"{KEYS[0]}.pcm").read_bytes()[20:] == SOUND
    assert stat.S_IMODE((cache.folder / f"{KEYS[0]}.pcm").stat().st_mode) == 0o600


def test_a_folder_that_was_open_to_all_is_closed(cache: SpeechCache) -> None:
    cache.folder.mkdir(parents=True, mode=0o755)
    cache.put(KEYS[0], SOUND, RATE)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


def test_the_longest_unused_makes_room(cache: SpeechCache) -> None:
    for key in KEYS[:4]:
        cache.put(key, SOUND, RATE)
    assert cache.get(KEYS[0], RATE) == SOUND
    cache.put(KEYS[4], SOUND, RATE)
    cache.put(KEYS[5], SOUND, RATE)
    assert kept(cache) == [0, 3, 4, 5]
    assert cache.figures().bytes <= 4 * ENTRY


def test_use_is_remembered_over_a_restart(cache: SpeechCache) -> None:
    for number, key in enumerate(KEYS[:4]):
        cache.put(key, SOUND, RATE)
        os.utime(cache.folder / f"{key}.pcm", (1000 + number, 1000 + number))
    cache.get(KEYS[0], RATE)
    again = SpeechCache(cache.folder, limit_bytes=4 * ENTRY)
    again.put(KEYS[4], SOUND, RATE)
    assert kept(again) == [0, 2, 3, 4]


def test_a_smaller_limit_is_kept_to_from_the_next_sentence_on(cache: SpeechCache) -> None:
    for key in KEYS[:4]:
        cache.put(key, SOUND, RATE)
    smaller = SpeechCache(cache.folder, limit_bytes=2 * ENTRY)
    smaller.put(KEYS[5], SOUND, RATE)
    assert len(kept(smaller)) == 2
    assert 5 in kept(smaller)


def test_what_would_not_fit_or_is_nothing_is_not_kept(cache: SpeechCache) -> None:
    cache.put(KEYS[0], SOUND * 5, RATE)
    cache.put(KEYS[1], b"", RATE)
    SpeechCache(cache.folder, limit_bytes=0).put(KEYS[2], SOUND, RATE)
    assert kept(cache) == []


def test_the_same_key_is_written_anew(cache: SpeechCache) -> None:
    cache.put(KEYS[0], SOUND, RATE)
    cache.put(KEYS[0], SOUND[:100], RATE)
    assert cache.get(KEYS[0], RATE) == SOUND[:100]
    assert cache.figures().entries == 1
    for key in KEYS[1:4]:
        cache.put(key, SOUND, RATE)
    assert kept(cache) == [0, 1, 2, 3]


DAMAGES = {
    "empty": lambda content: b"",
    "cut in the header": lambda content: content[:10],
    "cut in the sound": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    "a bit flipped": lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
    "another version": lambda content: b"AURSPCH9" + content[8:],
    "garbage": lambda content: os.urandom(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_dropped_and_can_be_made_anew(cache: SpeechCache, damage: str) -> None:
    cache.put(KEYS[0], SOUND, RATE)
    path = cache.folder / f"{KEYS[0]}.pcm"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert cache.get(KEYS[0], RATE) is None
    assert not path.exists()
    cache.put(KEYS[0], SOUND, RATE)
    assert cache.get(KEYS[0], RATE) == SOUND


def test_sound_of_another_rate_is_not_taken(cache: SpeechCache) -> None:
    cache.put(KEYS[0], SOUND, 16_000)
    assert cache.get(KEYS[0], RATE) is None


def test_what_others_left_in_the_folder_is_neither_read_nor_removed(cache: SpeechCache, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SOUND)
    cache.put(KEYS[0], SOUND, RATE)
    (cache.folder / "notes.txt").write_text("mine")
    (cache.folder / f"{KEYS[1]}.pcm").mkdir()
    (cache.folder / f"{KEYS[2]}.pcm").symlink_to(secret)
    os.mkfifo(cache.folder / f"{KEYS[3]}.pcm")
    for key in KEYS[1:4]:
        assert cache.get(key, RATE) is None
    cache.clear()
    assert (cache.folder / "notes.txt").read_text() == "mine"
    assert secret.read_bytes() == SOUND
    assert not cache.has(KEYS[0])


def test_unfinished_files_of_a_crash_are_swept_and_those_of_a_writer_at_work_are_not(cache: SpeechCache) -> None:
    cache.folder.mkdir(parents=True)
    old, new = cache.folder / ".unfinished-old", cache.folder / ".unfinished-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    cache.put(KEYS[0], SOUND, RATE)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_cannot_be_is_told_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = SpeechCache(tmp_path / "file" / "speech", limit_bytes=10 * ENTRY)
    with caplog.at_level(logging.WARNING):
        for key in KEYS[:3]:
            cache.put(key, SOUND, RATE)
            assert cache.get(key, RATE) is None
    assert len(caplog.records) == 1
    assert str(cache.folder) in caplog.text
    assert cache.figures().entries == 0


def test_a_folder_that_is_a_link_is_not_written_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "speech").symlink_to(elsewhere)
    SpeechCache(tmp_path / "speech", limit_bytes=10 * ENTRY).put(KEYS[0], SOUND, RATE)
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_is_removed_meanwhile_is_made_again(cache: SpeechCache) -> None:
    for key in KEYS[:2]:
        cache.put(key, SOUND, RATE)
    SpeechCache(cache.folder, limit_bytes=0).clear()
    cache.folder.rmdir()
    cache.put(KEYS[2], SOUND, RATE)
    assert kept(cache) == [2]


WRITER = """
import sys
from pathlib import Path
from auricle.speech_cache import SpeechCache, cache_key
cache = SpeechCache(Path(sys.argv[1]), limit_bytes=20_000_000)
print("ready", flush=True)
number = 0
while True:
    cache.put(cache_key({"n": number % 50}), bytes([number % 256]) * 400_000, 24_000)
    number += 1
"""


def test_a_writer_killed_at_any_moment_leaves_whole_entries_alone(tmp_path: Path) -> None:
    for round_ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "speech")], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.05 + 0.037 * round_)
            writer.send_signal(signal.SIGKILL)
    cache = SpeechCache(tmp_path / "speech", limit_bytes=20_000_000)
    found = [sound for number in range(50) if (sound := cache.get(cache_key({"n": number}), RATE)) is not None]
    assert found
    assert all(len(sound) == 400_000 and sound == sound[:1] * 400_000 for sound in found)
    assert cache.figures().entries == len(found)


def test_figures_count_and_clear_empties(cache: SpeechCache) -> None:
    for key in KEYS[:2]:
        cache.put(key, bytes(2 * RATE // 10), RATE)
    figures = cache.clear()
    assert (figures.entries, figures.seconds) == (2, pytest.approx(0.2))
    assert cache.figures().bytes == 0
    cache.put(KEYS[0], SOUND, RATE)
    assert kept(cache) == [0]
