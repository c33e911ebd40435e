"""Finding a device by what the configuration says, and `auricle devices`."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from auricle.model.errors import AudioDeviceError
from auricle.pipeline.devices import Device, Format, find
from auricle.pipeline.microphone import input_formats
from support.pulse import PulseServer

CARDS = (
    Device(0, "HDA Intel: ALC (hw:0,0)", "ALSA", 2, 2, 44_100),
    Device(1, "USB Mic: Audio (hw:1,0)", "ALSA", 1, 0, 48_000),
    Device(2, "pulse", "ALSA", 32, 32, 44_100, default_input=True, default_output=True),
    Device(3, "HDMI 0", "ALSA", 0, 8, 44_100),
)


@pytest.mark.parametrize(
    ("wanted", "index"), [("default", 2), (1, 1), ("1", 1), ("usb mic", 1), ("PULSE", 2), ("ALC", 0), ("Audio", 1)]
)
def test_a_microphone_is_found_by_default_index_or_part_of_its_name(wanted: str | int, index: int) -> None:
    assert find(CARDS, wanted, "input").index == index


def test_an_exact_name_beats_a_part_of_another() -> None:
    cards = (Device(0, "pulse monitor", "ALSA", 2, 0, 44_100), Device(1, "pulse", "ALSA", 2, 0, 44_100))
    assert find(cards, "pulse", "input").index == 1


@pytest.mark.parametrize(
    ("cards", "wanted", "words"),
    [
        (CARDS, "USV Mic", "no input device is named 'USV Mic'; the nearest is 'USB Mic: Audio (hw:1,0)'"),
        (CARDS, 3, "no input device has the index 3, only 0, 1, 2"),
        (CARDS, "HDMI 0", "no input device is named 'HDMI 0'"),
        (CARDS[3:], "default", "this machine has no input device"),
    ],
)
def test_a_microphone_that_there_is_not_is_told_with_what_there_is(
    cards: Sequence[Device], wanted: str | int, words: str
) -> None:
    with pytest.raises(AudioDeviceError) as told:
        find(cards, wanted, "input")
    assert words in str(told.value)


def test_our_own_rate_is_tried_first_and_each_format_once() -> None:
    assert input_formats(CARDS[1]) == [Format(16_000, 1), Format(48_000, 1), Format(44_100, 1)]
    assert input_formats(CARDS[2])[:4] == [Format(16_000, n) for n in (1, 2, 32)] + [Format(48_000, 1)]


def devices(pulse: PulseServer, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "auricle", "devices", *arguments],
        env=pulse.env | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.sound
def test_the_command_lists_devices_and_marks_those_in_use(pulse: PulseServer) -> None:
    told = devices(pulse, "--json", AURICLE__AUDIO__INPUT__DEVICE="pulse", AURICLE__AUDIO__OUTPUT__DEVICE="null")
    assert told.returncode == 0
    assert told.stderr == ""
    listed = {device["name"]: device for device in json.loads(told.stdout)}
    assert listed["pulse"]["input_in_use"]
    assert not listed["default"]["input_in_use"]
    assert not any(device["output_in_use"] for device in listed.values())
    assert listed["default"]["default_input"]
    table = devices(pulse)
    assert table.returncode == 0
    assert "*  1      default" in table.stdout


@pytest.mark.sound
def test_the_command_says_what_to_do_without_any_device(pulse: PulseServer) -> None:
    pulse.kill()
    told = devices(pulse)
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("auricle: no audio device: plug one in, or start the sound server")
    assert told.stderr.count("\n") == 1


@pytest.mark.sound
def test_the_command_names_the_key_whose_device_is_missing(pulse: PulseServer) -> None:
    told = devices(pulse, AURICLE__AUDIO__OUTPUT__DEVICE="USB speaker")
    assert told.returncode == 1
    assert "auricle: audio.output.device: no output device is named 'USB speaker'" in told.stderr
