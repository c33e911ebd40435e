"""Wake words with microWakeWord's models, through pymicro-wakeword: the lightest engine, and the default."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl

__all__ = ["MicroWakeWord", "MicroWakeWordConfig"]


class MicroWakeWordConfig(PluginConfig, frozen=True, kw_only=True):
    """`[engines.microwakeword]`."""

    delay_s: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How long after the end of a word the detector hears it: the command's sound begins this much "
            "before the detection.",
            extra={"unit": "s"},
        ),
    ] = 0.2


class MicroWakeWord:
    """Brings the engine `microwakeword`."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """`[plugins.microwakeword]` has no keys."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return (
            EngineSpec(
                name="microwakeword",
                kind="wake",
                target="auricle_microwakeword.engine:Engine",
                config=MicroWakeWordConfig,
                description="alexa, hey_jarvis, hey_mycroft, okay_nabu or a microWakeWord model of your own (.json, "
                ".tflite); under 1 % of a core.",
                requires=("pymicro_wakeword", "pymicro_features"),
                licence="Apache-2.0 (code and models)",
                languages=("*",),
            ),
        )
