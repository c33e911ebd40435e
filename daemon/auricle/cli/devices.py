"""`auricle devices`: microphones and speakers of this machine, the ones in use marked."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auricle.cli.common import add_json, load, print_json, print_table

if TYPE_CHECKING:
    from auricle.pipeline.devices import Device, Direction
    from auricle.settings import Config

EXAMPLES = """\
examples:
  auricle devices            the device in use is marked with *
  auricle devices --json

Use one with [audio.input] device = "part of its name", or its index; likewise [audio.output].
"""

_NONE_FOUND = (
    "no audio device: plug one in, or start the sound server (PulseAudio, PipeWire) as the user that runs Auricle, "
    "with the ALSA plugin for it installed (Debian: libasound2-plugins, pipewire-alsa); without any, "
    '[audio.input] device = "file:PATH" and [audio.output] device = "file:PATH" work'
)


def arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "the devices")


def run(args: argparse.Namespace) -> int:
    from auricle.pipeline.devices import PORTAUDIO

    config = load(args).config
    devices = PORTAUDIO.devices()
    if args.json:
        print_json(_described(devices, config))
    elif devices:
        rows = [
            (
                _mark(device, devices, config),
                str(device.index),
                device.name,
                device.host_api,
                str(device.input_channels or "-"),
                str(device.output_channels or "-"),
                f"{device.default_rate_hz}",
                " ".join(word for word, is_it in _default_of(device).items() if is_it),
            )
            for device in devices
        ]
        print_table(["", "INDEX", "NAME", "HOST API", "IN", "OUT", "RATE", "DEFAULT"], rows)
    if not devices:
        print(f"auricle: {_NONE_FOUND}", file=sys.stderr)
        return 1
    status = 0
    for direction in ("input", "output"):
        problem = _problem(devices, config, direction)
        if problem:
            print(f"auricle: audio.{direction}.device: {problem}", file=sys.stderr)
            status = 1
    return status


def _described(devices: "Sequence[Device]", config: "Config") -> list[dict[str, object]]:
    return [
        {
            "index": device.index,
            "name": device.name,
            "host_api": device.host_api,
            "input_channels": device.input_channels,
            "output_channels": device.output_channels,
            "default_rate_hz": device.default_rate_hz,
            "default_input": device.default_input,
            "default_output": device.default_output,
            "input_in_use": device is _used(devices, config, "input"),
            "output_in_use": device is _used(devices, config, "output"),
        }
        for device in devices
    ]


def _mark(device: "Device", devices: "Sequence[Device]", config: "Config") -> str:
    uses = {direction: device is _used(devices, config, direction) for direction in ("input", "output")}
    match [word for word, used in uses.items() if used]:
        case ["input", "output"]:
            return "*"
        case [word]:
            return f"* {word}"
    return ""


def _default_of(device: "Device") -> dict[str, bool]:
    return {"input": device.default_input, "output": device.default_output}


def _wanted(config: "Config", direction: "Direction") -> str | int | None:
    """The device that the configuration names; None where it names a file, a pipe or nothing."""
    wanted = config.audio.input.device if direction == "input" else config.audio.output.device
    if isinstance(wanted, str) and (wanted in ("-", "null") or wanted.startswith("file:")):
        return None
    return wanted


def _used(devices: "Sequence[Device]", config: "Config", direction: "Direction") -> "Device | None":
    from auricle.model.errors import AudioDeviceError
    from auricle.pipeline.devices import find

    wanted = _wanted(config, direction)
    try:
        return None if wanted is None else find(devices, wanted, direction)
    except AudioDeviceError:
        return None


def _problem(devices: "Sequence[Device]", config: "Config", direction: "Direction") -> str:
    from auricle.model.errors import AudioDeviceError
    from auricle.pipeline.devices import find

    wanted = _wanted(config, direction)
    try:
        if wanted is not None:
            find(devices, wanted, direction)
    except AudioDeviceError as error:
        return error.message
    return ""
