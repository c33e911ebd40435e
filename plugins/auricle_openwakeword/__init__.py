"""Wake words with openWakeWord's models, over either of two runtimes; a second opinion, or a model of one's own."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl

__all__ = ["OpenWakeWord", "OpenWakeWordConfig"]


class OpenWakeWordConfig(PluginConfig, frozen=True, kw_only=True):
    """`[engines.openwakeword]`."""

    runtime: Annotated[
        Literal["auto", "pyopen", "openwakeword"],
        Meta(
            description='What runs the models: "openwakeword" (the package of that name, for .onnx), "pyopen" (the '
            'package pyopen-wakeword, for .tflite), or "auto": the first of them that has the model.'
        ),
    ] = "auto"
    delay_s: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="How long after the end of a word the detector hears it: the command's sound begins this much "
            "before the detection; none is the runtime's own.",
            extra={"unit": "s"},
        ),
    ] = None


class OpenWakeWord:
    """Brings the engine `openwakeword`."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """`[plugins.openwakeword]` has no keys."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return (
            EngineSpec(
                name="openwakeword",
                kind="wake",
                target="auricle_openwakeword.engine:Engine",
                config=OpenWakeWordConfig,
                description="alexa, hey_jarvis, hey_mycroft, … or an openWakeWord model of your own (.tflite, .onnx); "
                "3 to 9 % of a core.",
                requires=("pyopen_wakeword",),
                extra="openwakeword",
                licence="Apache-2.0 (code), CC BY-NC-SA 4.0 (models)",
                languages=("*",),
            ),
        )
