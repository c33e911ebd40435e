"""Piper: the TTS engine that comes with the daemon, several times quicker than speech on a small CPU.

Piper is under the GPL: only the engine's own process imports it.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl

__all__ = ["Piper", "PiperConfig"]

Noise = Annotated[float, Meta(ge=0, le=2)]


class PiperConfig(PluginConfig, frozen=True, kw_only=True):
    """Keys of `[engines.piper]`."""

    voice: Annotated[
        str,
        Meta(
            description='Voice when none is asked for: "joe", the one that comes along, or one in `voices_dir` by its '
            "name or file; empty is joe, or the first in `voices_dir` where joe is not installed."
        ),
    ] = ""
    voices_dir: Annotated[
        str | None, Meta(description="Folder of more Piper voices, each NAME.onnx with NAME.onnx.json.")
    ] = None
    noise_scale: Annotated[Noise | None, Meta(description="Liveliness of the sound; none is the voice's own.")] = None
    noise_w: Annotated[Noise | None, Meta(description="Liveliness of the rhythm; none is the voice's own.")] = None
    normalize: Annotated[
        bool, Meta(description="Bring each piece of speech to full scale; softly spoken words get loud.")
    ] = False
    sentence_pause_s: Annotated[
        float, Meta(ge=0, le=2, description="Quiet between sentences of one text.", extra={"unit": "s"})
    ] = 0.25


class Piper:
    """The plugin: nothing but its engine."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """No keys; the engine's own are in `[engines.piper]`."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return [
            EngineSpec(
                name="piper",
                kind="tts",
                target="auricle_piper.engine:PiperEngine",
                config=PiperConfig,
                description="Piper voices on onnxruntime: the first sound after some 50 ms on a small CPU.",
                requires=("piper", "onnxruntime"),
                extra="embedded",
                licence="GPL-3.0, in a process of its own; the voice joe CC0",
                languages=("en",),
            )
        ]
