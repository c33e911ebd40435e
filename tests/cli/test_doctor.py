"""`auricle doctor` finds faults that were planted, and what it advises mends them."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auricle.weights import Model, Places, load_manifest
from support.mosquitto import Mosquitto
from support.pulse import PulseServer

Findings = dict[str, dict[str, Any]]
PLUGGED = '[audio.input]\ndevice = "pulse"\n[audio.output]\ndevice = "pulse"\n'


class Patient:
    """A configuration and an environment; `ask` has the doctor look at it in a process of its own."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text("")
        self.env = {**env, "XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}

    def ask(self, *groups: str, through: str = "") -> Findings:
        """The findings by what was checked. through: a shell command that the doctor runs in the end of."""
        command = [sys.executable, "-m", "auricle", "--config", str(self.config), "doctor", "--json", "--only", *groups]
        if through:
            command = ["unshare", "--mount", "sh", "-c", f"{through} && exec {shlex.join(command)}"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=90, check=False)
        found = json.loads(done.stdout or "[]")
        assert found, done.stderr
        assert done.returncode == int(any(finding["state"] == "failed" for finding in found)), done.stderr
        for finding in found:
            assert finding["state"] in ("ok", "skipped") or (finding["why"] and finding["mend"]), finding
        return {finding["check"]: finding for finding in found}


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path, os.environ)


@pytest.fixture
def room(tmp_path: Path, pulse: PulseServer) -> tuple[Patient, PulseServer]:
    """Somebody hums into the microphone of a sound server."""
    hum = (300 * np.sin(np.arange(16_000 * 120) / 10)).astype(np.int16)
    soundfile.write(tmp_path / "hum.wav", hum, 16_000)
    pulse.say(tmp_path / "hum.wav", wait=False)
    patient = Patient(tmp_path, pulse.env)
    patient.config.write_text(PLUGGED)
    return patient, pulse


def type_in(room: PulseServer, advice: list[str], start: str) -> None:
    """Type the advised command that begins with `start`."""
    command = next(line for line in advice if line.startswith(start))
    subprocess.run(shlex.split(command), env=room.env, check=True, capture_output=True, timeout=30)


@pytest.mark.sound
def test_a_microphone_that_is_missing_and_one_that_is_muted(room: tuple[Patient, PulseServer]) -> None:
    patient, pulse = room
    pulse.mute_mic(True)
    muted = patient.ask("sound")["microphone"]
    assert muted["state"] == "failed"
    assert "muted" in muted["what"]
    type_in(pulse, muted["mend"], "pactl set-source-mute")
    well = patient.ask("sound")["microphone"]
    assert well["state"] == "ok", well
    assert "noise floor" in well["what"]
    assert "16000 Hz" in well["what"]

    pulse.unload_mic()
    missing = patient.ask("sound")["microphone"]
    assert missing["state"] == "failed"
    assert "no microphone" in missing["what"]
    assert missing["mend"][0].startswith("plug a microphone in")
    pulse.load_mic()
    assert patient.ask("sound")["microphone"]["state"] == "ok"


@pytest.mark.sound
def test_a_wrong_name_gets_the_nearest(room: tuple[Patient, PulseServer]) -> None:
    patient, _ = room
    patient.config.write_text(PLUGGED.replace('"pulse"', '"puls audio"', 1))
    wrong = patient.ask("sound")["microphone"]
    assert wrong["state"] == "failed"
    assert "'puls audio'" in wrong["what"]
    section, key = wrong["mend"][0].split(" ", 1)
    patient.config.write_text(f'{section}\n{key}\n[audio.output]\ndevice = "null"\n')
    assert patient.ask("sound")["microphone"]["state"] == "ok"


@pytest.mark.sound
def test_a_sound_server_that_is_not_reached(room: tuple[Patient, PulseServer]) -> None:
    patient, pulse = room
    assert patient.ask("server")["sound server"]["state"] == "ok"
    pulse.kill()
    away = patient.ask("server")["sound server"]
    assert away["state"] == "failed"
    assert str(pulse.socket) in away["what"]
    assert "start that server" in away["mend"][0]
    pulse.start()
    assert patient.ask("server")["sound server"]["state"] == "ok"


@pytest.mark.long
@pytest.mark.sound
def test_a_tone_is_played_on_the_speaker(room: tuple[Patient, PulseServer]) -> None:
    patient, pulse = room
    command = [sys.executable, "-m", "auricle", "--config", str(patient.config), "doctor", "--play", "--only", "sound"]
    with pulse.recorder() as recorder:
        done = subprocess.run(command, env=patient.env, capture_output=True, text=True, timeout=60, check=False)
        time.sleep(0.3)
        heard = recorder.stop().astype(float)
    assert done.returncode == 0, done.stdout
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 24_000 / len(heard) == pytest.approx(440, abs=3)


@pytest.mark.broker
def test_a_broker_that_is_down(patient: Patient, mosquitto: Mosquitto) -> None:
    patient.config.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n')
    mosquitto.kill()
    down = patient.ask("broker")["broker"]
    assert down["state"] == "failed"
    assert f"127.0.0.1:{mosquitto.port}" in down["what"]
    assert any("mosquitto" in line for line in down["mend"])
    mosquitto.start()
    found = patient.ask("broker")
    assert found["broker"]["state"] == "ok"
    assert found["broker rights"]["state"] == "ok"


@pytest.mark.broker
def test_a_broker_that_keeps_our_topics_from_us(patient: Patient, tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(folder)
    broker.add_user("auricle", "secret")
    broker.use_acl("user auricle", "topic read something/else")
    broker.start()
    try:
        patient.config.write_text(
            f'[site]\nid = "den"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nusername = "auricle"\n'
            'password = "secret"\n'
        )
        found = patient.ask("broker")
        assert found["broker"]["state"] == "ok"
        rights = found["broker rights"]
        assert rights["state"] == "failed"
        assert "auricle/den/doctor" in rights["what"]
        (folder / "acl").write_text("user auricle\ntopic write auricle/den/#\ntopic write homeassistant/#\n")
        broker.restart()
        assert "reading auricle/den/doctor" in patient.ask("broker")["broker rights"]["what"]
        lines = [line for line in rights["mend"] if line.startswith(("user ", "topic "))]
        (folder / "acl").write_text("\n".join(lines) + "\n")
        broker.restart()
        assert patient.ask("broker")["broker rights"]["state"] == "ok"
        patient.config.write_text(patient.config.read_text().replace("secret", "wrong"))
        assert "user 'auricle'" in patient.ask("broker")["broker"]["what"]
    finally:
        broker.stop()


@pytest.mark.models
def test_an_address_for_http_that_is_taken(patient: Patient, tmp_path: Path) -> None:
    assert patient.ask("http")["HTTP"]["state"] == "skipped"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        patient.config.write_text(f'[http]\nbind = "127.0.0.1:{port}"\n')

        def hang_up() -> None:
            other.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        taken = patient.ask("http")["HTTP"]
        thread.join()
    assert (taken["state"], f"127.0.0.1:{port} is taken" in taken["what"]) == ("failed", True)
    assert f"sport = :{port}" in taken["mend"][0]
    free = patient.ask("http")["HTTP"]
    assert (free["state"], "is free; the daemon is not running" in free["what"]) == ("ok", True)
    patient.config.write_text('[http]\nbind = "192.0.2.1:10800"\ntoken = "x"\n')
    assert "this machine has no address 192.0.2.1" in patient.ask("http")["HTTP"]["what"]
    patient.config.write_text(f'[http]\nbind = "unix://{tmp_path}/http.sock"\n')
    assert patient.ask("http")["HTTP"]["state"] == "ok"
    assert not (tmp_path / "http.sock").exists()


def test_a_wake_word_whose_model_is_missing(patient: Patient) -> None:
    patient.config.write_text('[wake]\nwords = [{ model = "hey_jarvi" }]\n')
    missing = patient.ask("models")["wake words"]
    assert missing["state"] == "failed"
    assert "hey_jarvi" in missing["what"]
    assert any("auricle models list" in line for line in missing["mend"])
    listed = subprocess.run(
        [sys.executable, "-m", "auricle", "models", "list", "--json"],
        env=patient.env, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    name = next(model["name"] for model in json.loads(listed.stdout) if "hey_jarvis" in model["name"])
    patient.config.write_text(f'[wake]\nwords = [{{ model = "{name.rpartition("-")[2]}" }}]\n')
    assert patient.ask("models")["wake words"]["state"] == "ok"


@pytest.mark.models
def test_an_enrolled_voice_that_cannot_be_read(patient: Patient) -> None:
    assert "enrolled voices" not in patient.ask("models")
    folder = patient.folder / "state/auricle/enrolled/alexa"
    folder.mkdir(parents=True)
    (folder / "ann.json").write_text("{")
    broken = patient.ask("models")["enrolled voices"]
    assert broken["state"] == "warning"
    assert "alexa/ann.json" in broken["what"]
    for line in broken["mend"]:
        subprocess.run([sys.executable, "-m", *shlex.split(line)], env=patient.env, check=True, timeout=60)
    assert "enrolled voices" not in patient.ask("models")


@pytest.fixture
def pulled(patient: Patient) -> tuple[Model, Path]:
    """A model of the manifest that is fetched from elsewhere, in place with its checksums known."""
    places = Places(patient.folder / "cache/auricle/models", patient.folder / "state/auricle/models")
    model = next(
        model for model in load_manifest(None).values() if places.folder(model) == places.models_dir / model.name
    )
    folder = places.folder(model)
    assert folder is not None
    for name in model.source.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(1000))
    return model, folder


@pytest.mark.models
def test_a_model_that_is_corrupt(patient: Patient, pulled: tuple[Model, Path]) -> None:
    model, folder = pulled
    first = patient.ask("models")["models"]
    assert first["state"] == "ok", first
    assert model.name in first["what"]
    file = folder / model.source.files[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:500] + b"?" + whole[501:])
    command = [sys.executable, "-m", "auricle", "--config", str(patient.config), "doctor", "--json", "--only", "models"]
    done = subprocess.run(command, env=patient.env, capture_output=True, text=True, timeout=90, check=False)
    corrupt = [finding for finding in json.loads(done.stdout) if finding["state"] == "failed"]
    assert done.returncode == 1
    assert len(corrupt) == 1
    assert f"{model.name} is broken" in corrupt[0]["what"]
    assert corrupt[0]["mend"] == [f"auricle models pull {model.name} --again"]
    file.write_bytes(whole)  # what pulling it again does, without the network
    assert patient.ask("models")["models"]["state"] == "ok"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root can make a small disk")
def test_a_disk_that_is_full(patient: Patient) -> None:
    small = patient.folder / "state"
    small.mkdir()
    full = f"mount -t tmpfs -o size=64k tmpfs {small} && (cat /dev/zero > {small}/rubbish 2>/dev/null || true)"
    found = patient.ask("machine", through=full)["state folder"]
    assert found["state"] == "failed"
    assert "0 MB free" in found["what"]
    assert "free space" in found["mend"][0]
    freed = f"mount -t tmpfs -o size=2g tmpfs {small}"
    assert patient.ask("machine", through=freed)["state folder"]["state"] == "ok"


def test_a_clock_that_is_off(patient: Patient) -> None:
    """The machine's clock is not set by a test: the daemon's state is from tomorrow, as when the clock fell back."""
    state = patient.folder / "state" / "auricle"
    state.mkdir(parents=True)
    (state / "auricle.sqlite").touch()
    os.utime(state / "auricle.sqlite", (time.time() + 86_400,) * 2)
    off = patient.ask("machine")["clock"]
    assert off["state"] == "failed"
    assert "auricle.sqlite was written at" in off["what"]
    assert "set-ntp true" in off["mend"][0]
    touch = next(line for line in off["mend"] if "touch" in line).partition("now: ")[2]
    subprocess.run(shlex.split(touch), check=True)
    assert patient.ask("machine")["clock"]["state"] in ("ok", "warning")


@pytest.mark.long
@pytest.mark.models
def test_engines_are_tried_by_a_round_trip(patient: Patient) -> None:
    found = patient.ask("engines")["engines"]
    assert found["state"] == "ok", found
    assert "understood" in found["what"]
    patient.config.write_text('[engines.faster_whisper]\npython = "/nonexistent/python"\n')
    broken = patient.ask("engines")["engines"]
    assert broken["state"] == "failed"
    assert any("auricle engines" in line for line in broken["mend"])
