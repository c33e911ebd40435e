"""The wake word over our own speech, through a real PulseAudio and a room with an echo."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.cli.figures.barge import STORY, as_loud
from auricle.cli.figures.room import EchoRoom
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.events import ComponentChanged
from auricle.pipeline.system_echo import use_system_echo_canceller
from support.barge_driver import BargeDriver
from support.pulse import PulseServer
from support.recordings import load_samples

pytestmark = [pytest.mark.sound, pytest.mark.models, pytest.mark.data, pytest.mark.slow]

CONFIG = """
[wake]
words = [{model = "alexa"}, {model = "okay_nabu", meaning = "stop"}]
refractory_s = 1.0
[listen]
patience_s = 0.5
chime = false
[dbus]
bus = "off"
"""


class Site:
    """A daemon in a room, and a person in it."""

    def __init__(self, pulse: PulseServer, room: EchoRoom, folder: Path) -> None:
        config = folder / "config.toml"
        config.write_text(CONFIG)
        self.pulse = pulse
        self.folder = folder
        self.room = room
        self.daemon = BargeDriver(config, folder, pulse.env)
        assert self.daemon.wait("ready", 60.0) is not None, (folder / "barge.log").read_text()[-3000:]

    def speak(self) -> None:
        self.daemon.drop()
        self.daemon.tell(say=STORY)
        assert self.daemon.wait("speech", 30.0, status="started") is not None

    def say(self, words: np.ndarray) -> None:
        """A person speaks, as loud as the echo of what is being said; returns at once."""
        path = self.folder / "person.wav"
        soundfile.write(path, np.frombuffer(as_loud(words, self.room.state()["echo_rms"]), "<i2"), INBOUND_RATE_HZ)
        self.pulse.say(path, wait=False)

    def silent_after_s(self, since_s: float) -> float:
        """Seconds from `since_s` (monotonic) to when the speaker was last heard, once it is silent."""
        deadline = time.monotonic() + 10
        while time.monotonic() - self.room.state()["loud_s"] < 0.5:
            assert time.monotonic() < deadline, "the speaker is not silenced"
            time.sleep(0.05)
        return self.room.state()["loud_s"] - since_s


@pytest.fixture
def site(pulse: PulseServer, tmp_path: Path) -> Iterator[Site]:
    with EchoRoom(pulse.env) as room:
        made = Site(pulse, room, tmp_path)
        with made.daemon:
            yield made


def test_the_wake_word_over_our_own_speech_silences_it(site: Site, recordings: Path) -> None:
    alexa = load_samples(sorted((recordings / "wake" / "alexa").glob("*.flac"))[0])
    site.room.become(delay_ms=80, level_db=-10, seed=1)
    site.speak()
    time.sleep(4)
    site.say(alexa)
    wake = site.daemon.wait("wake", 5.0)
    assert wake is not None, "the wake word was not heard"
    cut = site.daemon.wait("speech", 5.0, status="cancelled")
    assert cut is not None
    assert cut["reason"] == "interrupted by a turn"
    assert STORY.startswith(cut["heard"])
    assert 0 < len(cut["heard"]) < len(STORY)
    assert site.silent_after_s(wake["s"]) < 1.0


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_sixty_wake_words_over_our_own_speech(pulse: PulseServer, recordings: Path, tmp_path: Path) -> None:
    """Six rooms, ten people in each."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "auricle", "bench", "--config", str(config), "--only", "barge", "--rounds", "60"]
        + ["--recordings", str(recordings / "wake"), "--json"],
        env={**pulse.env, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures = json.loads(done.stdout)
    print(done.stdout.decode())
    assert figures["wake word over our own speech, heard"]["median"] >= 54
    assert figures["wake event to silence"]["median"] <= 150
    assert figures["woken by our own speech"]["median"] == 0


def test_the_sound_servers_echo_canceller_is_used(pulse: PulseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in pulse.env.items():
        monkeypatch.setenv(name, text)
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    monkeypatch.delenv("PULSE_SINK", raising=False)
    told: list[ComponentChanged] = []
    use_system_echo_canceller(told.append)
    assert not told[-1].ok
    assert "load-module module-echo-cancel" in told[-1].detail
    monkeypatch.setenv("PULSE_SOURCE", "")
    monkeypatch.setenv("PULSE_SINK", "")
    loaded = ("source_master=mic", "sink_master=speaker", "aec_method=webrtc")
    subprocess.run(["pactl", "load-module", "module-echo-cancel", *loaded], env=pulse.env, check=True)
    use_system_echo_canceller(told.append)
    assert told[-1].ok, told[-1]
    assert os.environ["PULSE_SOURCE"] == "mic.echo-cancel"
    assert os.environ["PULSE_SINK"] == "speaker.echo-cancel"
