"""Who keeps the pace of speech: an engine that can, and the word of it on the wire."""

import sys
from pathlib import Path

import pytest

from auricle import settings
from auricle.api import SynthesisRequest
from auricle.engines.identity import tts_identity
from support.engine_parts import EngineParts
from support.scripted_engines import ScriptedTts, spec


@pytest.mark.parametrize("native", [True, False])
async def test_speech_tells_the_pace_it_has_and_who_made_it(
    parts: EngineParts, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedTts, "native_speed", native)
    tts = parts.tts(await parts.served("tts"))
    frames = [frame async for frame in tts.synthesize(SynthesisRequest("hello", speed=1.5))]
    assert {(frame.speed, frame.engine) for frame in frames} == {(1.5 if native else 1.0, "remote")}


async def test_the_identity_of_an_engine_changes_with_its_options_and_its_files(tmp_path: Path) -> None:
    specs = {name: spec(name, "tts") for name in ("one", "two")}
    voices = tmp_path / "voices"
    voices.mkdir()

    async def identity(engine: str = "one", **options: object) -> str | None:
        return await tts_identity(settings.Tts(engine=engine), specs, {engine: options}, tmp_path)

    plain = await identity()
    assert plain is not None
    assert await identity() == plain
    with_voices = await identity(voices_dir=str(voices))
    (voices / "anna.onnx").write_bytes(b"anna")
    found = [plain, with_voices, await identity(voices_dir=str(voices)), await identity(noise_scale=0.5)]
    assert len(set(found)) == len(found)
    assert await identity("three") is None


async def test_the_identity_of_an_engine_changes_with_the_packages_of_its_environment(tmp_path: Path) -> None:
    packages = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    (packages / "voice-1.0.dist-info").mkdir(parents=True)
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)

    async def identity() -> str | None:
        options = {"one": {"python": str(python)}}
        return await tts_identity(settings.Tts(engine="one"), {"one": spec("one", "tts")}, options, tmp_path)

    before = await identity()
    assert await identity() == before
    (packages / "voice-1.0.dist-info").rename(packages / "voice-1.1.dist-info")
    assert await identity() not in (None, before)


async def test_the_identity_of_a_server_is_what_it_says_of_itself(parts: EngineParts, tmp_path: Path) -> None:
    anna, clara = [await parts.served("tts", voice=voice) for voice in ("anna", "clara")]
    found = [await tts_identity(settings.Tts(uri=uri), {}, {}, tmp_path) for uri in (anna, anna, clara)]
    assert None not in found
    assert found[0] == found[1] != found[2]
    assert await tts_identity(settings.Tts(uri=f"unix://{tmp_path}/nobody.sock"), {}, {}, tmp_path) is None
