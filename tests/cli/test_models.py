"""`auricle models`: what is listed, and pulling from a hub over HTTP, which breaks off, lies and is gone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.cli.main import main
from support.golden import Golden
from support.hub import COMMIT, Hub, hub_of, sha256

REPO = "somebody/whisper-small"
MODEL = os.urandom(400_000)
FILES = {
    "ct2/model.bin": MODEL,
    "ct2/config.json": b'{"a": 1}',
    "ct2/README.md": b"# words",
    "other.bin": b"not wanted",
}


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A manifest with one model on a hub, and folders of its own for what is pulled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = tmp_path / "models.toml"
    path.write_text(
        '[[model]]\nname = "mine"\nkind = "stt"\nengine = "faster_whisper"\nlanguages = ["en", "de"]\nsize_mb = 0.4\n'
        'licence = "MIT"\nuse = \'[stt] model = "{path}"\'\n'
        f'[model.source]\nfrom = "hub"\nrepo = "{REPO}"\nbelow = "ct2"\n'
        'files = ["model.bin", "config.json"]\nalso = ["*.md"]\n'
    )
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "auricle" / "models" / "mine"


def models(manifest: str, *words: str, endpoint: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: huggingface_hub reads its environment once."""
    own = {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(Path(manifest).parent / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    command = [sys.executable, "-m", "auricle", "models", *words, "--manifest", manifest]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, env=os.environ | own | environ, check=False
    )


def pulled(hub: Hub, manifest: str, *words: str) -> subprocess.CompletedProcess[str]:
    return models(manifest, "pull", "mine", *words, endpoint=hub.endpoint)


def test_a_model_is_pulled_from_a_hub_and_verified(manifest: str, folder: Path) -> None:
    with hub_of(REPO, FILES) as hub:
        done = pulled(hub, manifest)
    assert (done.returncode, done.stdout) == (0, f'{folder}\n  to use it: [stt] model = "{folder}"\n'), done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "model.bin": MODEL,
        "config.json": b'{"a": 1}',
        "README.md": b"# words",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]
    assert {name for name, _ in hub.sent} == {"ct2/model.bin", "ct2/config.json", "ct2/README.md"}
    again = models(manifest, "pull", "mine", endpoint="http://127.0.0.1:9")
    assert (again.returncode, again.stderr) == (0, f"mine is here already: {folder}\n")
    found = models(manifest, "verify", "mine", "--json", endpoint="http://127.0.0.1:9")
    verified = json.loads(found.stdout)[0]
    assert (found.returncode, verified["state"]) == (0, "ok")
    assert verified["files"]["model.bin"] == sha256(MODEL)
    assert verified["detail"].startswith("checksums of the hub, from the pull at 20")
    record = json.loads((folder.parents[3] / "state" / "auricle" / "models" / "mine.json").read_text())
    assert (record["origin"], record["revision"]) == ("hub", COMMIT)


def test_a_broken_off_pull_goes_on_where_it_ended(manifest: str, folder: Path) -> None:
    content = os.urandom(3_000_000)
    with hub_of(REPO, FILES | {"ct2/model.bin": content}) as hub:
        hub.cuts["ct2/model.bin"] = [1_000_000, 500_000] + [0] * 50
        done = pulled(hub, manifest)
        assert done.returncode == 1
        assert "the next pull goes on from there" in done.stderr
        assert not folder.exists()
        assert [first for name, first in hub.sent if name == "ct2/model.bin"][:3] == [0, 1_000_000, 1_500_000]
        hub.cuts.clear()
        hub.sent.clear()
        done = pulled(hub, manifest)
    assert done.returncode == 0, done.stderr
    assert [first for name, first in hub.sent if name == "ct2/model.bin"] == [1_500_000]
    assert (folder / "model.bin").read_bytes() == content


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_a_file_that_is_not_what_the_hub_said_is_refused(name: str, manifest: str, folder: Path) -> None:
    with hub_of(REPO, FILES) as hub:
        true = FILES[f"ct2/{name}"]
        hub.swapped[f"ct2/{name}"] = bytes([true[0] ^ 1]) + true[1:]
        done = pulled(hub, manifest)
        assert done.returncode == 1
        assert f"auricle: mine: ct2/{name} arrived broken (another checksum) and was removed" in done.stderr
        assert not folder.exists()
        hub.swapped.clear()
        assert pulled(hub, manifest).returncode == 0
    assert (folder / name).read_bytes() == true


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, f"auricle: {REPO} cannot be pulled from http://127.0.0.1:9: "),
        ({"HF_HUB_OFFLINE": "1"}, "auricle: HF_HUB_OFFLINE is set: unset it to pull models"),
    ],
)
def test_without_a_hub_one_line_says_so(environ: dict[str, str], said: str, manifest: str, folder: Path) -> None:
    done = models(manifest, "pull", "mine", endpoint="http://127.0.0.1:9", **environ)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert not folder.exists()


def test_a_repository_or_file_that_is_gone_is_named(manifest: str) -> None:
    with hub_of("somebody/else", FILES) as hub:
        done = pulled(hub, manifest)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"has no {REPO} as the manifest names it" in done.stderr
    with hub_of(REPO, {"ct2/model.bin": b"x"}) as hub:
        done = pulled(hub, manifest)
        assert done.stderr == f"auricle: hub {REPO}/ct2 has no config.json (any more)\n"


def test_a_bad_model_does_not_stop_the_others(manifest: str, folder: Path) -> None:
    with hub_of(REPO, FILES) as hub:
        done = models(manifest, "pull", "chatterbox-turbo", "mine", "--json", endpoint=hub.endpoint)
    assert done.returncode == 1
    assert "has no ResembleAI/chatterbox-turbo as the manifest names it" in done.stderr
    facts = json.loads(done.stdout)
    assert [(each["name"], each["path"], each["state"]) for each in facts] == [("mine", str(folder), "installed")]


# --- in this process


def test_every_model_is_listed_with_its_facts(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json", "--manifest", manifest]) == 0
    listed = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    assert listed["mine"] == {
        "name": "mine",
        "kind": "stt",
        "engine": "faster_whisper",
        "languages": ["en", "de"],
        "size_mb": 0.4,
        "licence": "MIT",
        "source": f"hub {REPO}/ct2",
        "state": "not installed",
        "path": None,
        "use": '[stt] model = "…"',
        "sha256": None,
    }
    jarvis = listed["microwakeword-hey_jarvis"]
    assert jarvis["state"] == "installed"
    assert jarvis["path"].endswith("pymicro_wakeword/models/hey_jarvis.json")
    assert len(jarvis["sha256"]) == 64
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "ENGINE", "LANGUAGES", "SIZE", "LICENCE", "SOURCE", "STATE"]
    assert any(line.startswith("openwakeword-alexa ") and "CC BY-NC-SA 4.0" in line for line in lines)


def test_path_is_what_the_configuration_takes(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "path", "tiny.en"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert (path / "model.bin").is_file()
    assert main(["models", "path", "mine", "--manifest", manifest]) == 1
    assert capsys.readouterr().err == "auricle: mine is not here, or not whole: auricle models pull mine\n"
    assert main(["models", "path", "tinny.en"]) == 2
    assert "there is no model tinny.en; did you mean tiny.en?" in capsys.readouterr().err


def test_verify_checks_what_is_here(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "--manifest", manifest]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "microwakeword-alexa: ok: checksums of the manifest" in lines
    assert not [line for line in lines if line.startswith("mine")]
    assert main(["models", "verify", "mine", "--manifest", manifest]) == 1
    assert capsys.readouterr().out == "mine: not installed: mine is not here\n"


@pytest.mark.parametrize("action", ["list", "pull", "verify", "path"])
def test_help_of_an_action_is_the_golden_one(
    action: str, golden: Golden, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "102")
    assert main(["models", action, "--help"]) == 0
    golden(f"help/models_{action}.txt", capsys.readouterr().out)
