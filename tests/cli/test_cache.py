"""`auricle cache`: what is kept, and forgetting it."""

import json
from pathlib import Path

import pytest

from auricle.cli.main import main
from auricle.speech_cache import SpeechCache, cache_key


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpeechCache:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    monkeypatch.setenv("AURICLE_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("[tts]\ncache_mb = 3\n")
    cache = SpeechCache(tmp_path / "cache" / "speech", limit_bytes=3_000_000)
    cache.put(cache_key({"n": 1}), bytes(48_000), 24_000)
    cache.put(cache_key({"n": 2}), bytes(96_000), 24_000)
    return cache


def test_show_tells_where_how_much_and_the_limit(cache: SpeechCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "show"]) == 0
    assert capsys.readouterr().out == f"{cache.folder}: 2 sentences, 3 s of speech, 0.1 MB, of 3 MB\n"
    assert main(["cache", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(cache.folder),
        "entries": 2,
        "bytes": 144_040,
        "seconds": 3.0,
        "limit_bytes": 3_000_000,
    }


def test_clear_forgets_all_and_says_how_much(cache: SpeechCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 2
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out.startswith("removed 0 sentences")
    assert cache.figures().entries == 0


def test_an_empty_cache_that_is_off_is_shown_as_such(
    cache: SpeechCache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "other"))
    monkeypatch.setenv("AURICLE__TTS__CACHE_MB", "0")
    assert main(["cache", "show"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'other' / 'speech'}: 0 sentences, 0 s of speech, 0.0 MB, off\n"
    assert not (tmp_path / "other").exists()
