"""The wake word over our own speech, through a real PulseAudio and a room with an echo."""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.model.events import ComponentChanged
from auricle.pipeline.system_echo import use_system_echo_canceller
from support.barge_driver import BargeDriver
from support.pulse import PulseServer
from support.recordings import load_samples
from support.room import RATE, EchoRoom

pytestmark = [pytest.mark.sound, pytest.mark.models, pytest.mark.data, pytest.mark.slow]

STORY = (
    "Tomorrow will be cloudy with some rain in the afternoon, and about fifteen degrees in the evening. "
    "On your shopping list are bread, butter, two bottles of milk, apples, coffee, and a birthday cake for the party. "
    "The lights in the kitchen and in the living room are on, and the heating is set to twenty one degrees. "
    "Your next appointment is at half past three with the dentist, and after that you wanted to call your mother."
)
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

    def __init__(self, pulse: PulseServer, folder: Path) -> None:
        config = folder / "config.toml"
        config.write_text(CONFIG)
        self.pulse = pulse
        self.folder = folder
        self.room = EchoRoom(pulse)
        self.daemon = BargeDriver(config, folder, pulse.env)
        assert self.daemon.wait("ready", 60.0) is not None, (folder / "barge.log").read_text()[-3000:]

    def speak(self) -> None:
        self.daemon.drop()
        self.daemon.tell(say=STORY)
        assert self.daemon.wait("speech", 30.0, status="started") is not None

    def say(self, words: np.ndarray, *, over_echo_db: float = 0.0) -> None:
        """A person speaks, as loud as the echo of what is being said or by so much louder; returns at once."""
        sound = words.astype(np.float64)
        pieces = sound[: len(sound) // 320 * 320].reshape(-1, 320)
        levels = np.sqrt((pieces**2).mean(axis=1))
        loud = float(np.sqrt(np.mean(np.square(np.sort(levels)[len(levels) // 2 :]))))
        sound *= self.room.state()["echo_rms"] / loud * 10 ** (over_echo_db / 20)
        path = self.folder / "person.wav"
        soundfile.write(path, np.clip(sound, -32_768, 32_767).astype(np.int16), RATE)
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
    made = Site(pulse, tmp_path)
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
def test_sixty_wake_words_over_our_own_speech(site: Site, recordings: Path) -> None:
    """Six rooms, ten people in each."""
    words = [load_samples(path) for path in sorted((recordings / "wake" / "alexa").glob("*.flac"))]
    random = np.random.default_rng(3)
    heard, stops, behind, own = 0, [], [], 0
    for trial in range(60):
        if trial % 10 == 0:
            site.room.become(
                delay_ms=float(random.uniform(20, 200)), level_db=float(random.uniform(-20, -6)), seed=trial
            )
        site.speak()
        time.sleep(float(random.uniform(2.5, 5.0)))
        own += sum(line["what"] == "wake" for line in site.daemon.drop())
        site.say(words[trial % len(words)])
        wake = site.daemon.wait("wake", 3.0)
        if wake is not None:
            heard += 1
            stops.append(1000 * site.silent_after_s(wake["s"]))
            behind.append(wake["behind"] / RATE * 1000)
        site.daemon.tell(stop=True)
        site.daemon.wait("turn", 3.0)
        site.daemon.tell(echo=True)
        print(trial, wake, stops[-1:], site.daemon.wait("echo", 3.0), site.room.state(), flush=True)
        time.sleep(1.2)
    print(f"heard {heard} of 60, woken by itself {own} times")
    print(f"silent {statistics.median(stops):.0f} ms after the wake event (median), at most {max(stops):.0f} ms")
    print(f"the event is {statistics.median(behind):.0f} ms after the end of the word")
    assert heard >= 54
    assert statistics.median(stops) <= 150
    assert own == 0


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
