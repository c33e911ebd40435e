"""The manifest of models, where models are, pulling them, and whether they are whole."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from auricle.cli.common import load_host
from auricle.model.errors import AuricleError, ConfigError
from auricle.settings import Config
from auricle.weights import Model, PackageSource, Places, find_model, load_manifest, pull, verify

MODEL, TOKENS = os.urandom(3_000_000), b'{"tokens": 3}'


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(models_dir=tmp_path / "cache" / "models", records_dir=tmp_path / "state" / "models")


@pytest.fixture
def own(tmp_path: Path) -> Model:
    """A model in a folder, as a manifest of the user's names it."""
    folder = tmp_path / "there" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(MODEL)
    (folder / "tokenizer.json").write_bytes(TOKENS)
    manifest = tmp_path / "there" / "models.toml"
    manifest.write_text(
        '[[model]]\nname = "mine"\nkind = "stt"\nengine = "faster_whisper"\nlanguages = ["en"]\nsize_mb = 3\n'
        'licence = "MIT"\nuse = "[stt] model = {path}"\n'
        '[model.source]\nfrom = "folder"\nfolder = "file://mine"\nfiles = ["model.bin", "tokenizer.json"]\n'
    )
    return load_manifest(manifest)["mine"]


# --- the manifest


def test_manifest_has_what_was_asked_for() -> None:
    models = load_manifest()
    for size in ("tiny", "tiny.en", "base", "base.en", "small", "small.en"):
        assert models[f"faster-whisper-{size}"].engine == "faster_whisper"
        assert models[f"whisper-{size}"].engine == "whisper"
    assert {"tiny.en", "chatterbox", "chatterbox-multilingual", "chatterbox-turbo", "en_US-joe-medium"} <= set(models)
    spoken = {language for model in models.values() if model.engine == "piper" for language in model.languages}
    assert {"en", "de", "fr", "es"} <= spoken
    assert {model.kind for model in models.values()} == {"stt", "tts", "wake"}


def test_each_model_is_for_an_engine_that_there_is() -> None:
    specs = load_host(Config()).engines()
    assert {(model.engine, model.kind) for model in load_manifest().values()} <= {
        (spec.name, spec.kind) for spec in specs.values()
    }


def test_openwakewords_models_are_marked_as_not_for_commerce() -> None:
    licences = {model.licence for model in load_manifest().values() if model.engine == "openwakeword"}
    assert licences == {"CC BY-NC-SA 4.0 (not for commercial use)"}


def test_the_users_manifest_comes_first(own: Model, tmp_path: Path) -> None:
    models = load_manifest(tmp_path / "there" / "models.toml")
    assert next(iter(models)) == "mine"
    assert "tiny.en" in models


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[model]\n", "models.toml: "),
        ('[[model]]\nname = "x"\n', "missing required field"),
        ('[[model]]\nname = "../x"\n', "`$.model[0].name`"),
    ],
)
def test_a_wrong_manifest_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_manifest(path)
    assert said in error.value.message
    assert str(path) in error.value.message


def test_a_file_cannot_lead_out_of_its_folder(tmp_path: Path, own: Model) -> None:
    path = tmp_path / "there" / "models.toml"
    for name in ("../../x", "a/../../x", "/etc/x", ".."):
        path.write_text(path.read_text().replace('"tokenizer.json"', f'"{name}"'))
        with pytest.raises(ConfigError, match="files"):
            load_manifest(path)
        path.write_text(path.read_text().replace(f'"{name}"', '"tokenizer.json"'))


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(ConfigError, match="did you mean chatterbox-turbo"):
        find_model(load_manifest(), "chaterbox-turbo")


# --- packages


@pytest.mark.models
def test_models_in_packages_are_what_the_manifest_says(places: Places) -> None:
    packaged = [model for model in load_manifest().values() if isinstance(model.source, PackageSource)]
    for model in packaged:
        verdict = verify(model, places)
        assert (model.name, verdict.state, verdict.detail) == (model.name, "ok", "checksums of the manifest")
        path = places.path(model)
        assert path is not None
        assert path.exists()
    assert len(packaged) == 11
    assert not places.records_dir.exists()


def test_a_package_that_is_not_installed_is_not_pulled_but_told(places: Places) -> None:
    source = PackageSource(package="no-such", module="no_such_module", folder="x", extra="embedded", files=("a",))
    model = Model(name="x", kind="stt", engine="e", languages=("en",), size_mb=1, licence="MIT", use="", source=source)
    assert verify(model, places).state == "not installed"
    assert places.path(model) is None
    with pytest.raises(AuricleError, match=r"comes in the package no-such: pip install 'auricle\[embedded\]'"):
        pull(model, places)


# --- folders


def test_a_pulled_model_is_there_whole(own: Model, places: Places) -> None:
    assert places.path(own) is None
    told: list[tuple[str, int, int, int]] = []
    known = pull(own, places, on_file=lambda *each: told.append(each))
    folder = places.models_dir / "mine"
    assert places.path(own) == folder
    assert (folder / "model.bin").read_bytes() == MODEL
    assert known.files == {
        "model.bin": hashlib.sha256(MODEL).hexdigest(),
        "tokenizer.json": hashlib.sha256(TOKENS).hexdigest(),
    }
    assert told == [("model.bin", 1, 2, len(MODEL)), ("tokenizer.json", 2, 2, len(TOKENS))]
    assert [path.name for path in places.models_dir.iterdir()] == ["mine"]
    assert verify(own, places).state == "ok"


def test_a_changed_or_lost_file_is_found(own: Model, places: Places) -> None:
    pull(own, places)
    file = places.models_dir / "mine" / "model.bin"
    file.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    broken = verify(own, places)
    assert (broken.state, broken.good) == ("broken", False)
    assert "model.bin is not what it was" in broken.detail
    file.unlink()
    assert verify(own, places).detail.endswith("lacks model.bin")
    assert places.path(own) is None


def test_without_a_known_checksum_the_first_one_seen_counts(own: Model, places: Places) -> None:
    pull(own, places)
    (places.records_dir / "mine.json").unlink()
    first = verify(own, places)
    assert (first.state, first.good) == ("first seen", True)
    assert first.detail.startswith("no checksum is known")
    second = verify(own, places)
    assert second.state == "ok"
    assert second.detail.startswith("checksums first seen at 2")
    (places.models_dir / "mine" / "tokenizer.json").write_bytes(b"{}")
    assert verify(own, places).state == "broken"


def test_a_folder_that_is_gone_is_named(own: Model, places: Places, tmp_path: Path) -> None:
    (tmp_path / "there" / "mine" / "tokenizer.json").unlink()
    with pytest.raises(AuricleError, match=r"mine cannot be had from .*tokenizer.json: No such file"):
        pull(own, places)
    assert places.path(own) is None


def test_a_models_folder_that_cannot_be_made_is_named(own: Model, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(AuricleError, match=r"cache/models/mine.part cannot be made: Not a directory"):
        pull(own, Places(tmp_path / "cache" / "models", tmp_path / "state"))


def test_pulling_without_the_library_says_what_to_install(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(AuricleError, match=r"pip install 'auricle\[models\]'"):
        pull(load_manifest()["whisper-tiny"], places)
