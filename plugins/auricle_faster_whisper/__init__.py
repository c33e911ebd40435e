"""Whisper on CTranslate2: the STT engine that comes with the daemon, quick on a small CPU and offline."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl

__all__ = ["FasterWhisper", "FasterWhisperConfig"]


class FasterWhisperConfig(PluginConfig, frozen=True, kw_only=True):
    """Keys of `[engines.faster_whisper]`."""

    model: Annotated[
        str,
        Meta(
            description="Folder of a Whisper model for CTranslate2 (model.bin, config.json, tokenizer.json), or "
            '"tiny.en", the one that comes along; empty is that one.'
        ),
    ] = ""
    device: Annotated[Literal["cpu", "cuda"], Meta(description="Where the model computes.")] = "cpu"
    compute_type: Annotated[
        str, Meta(description="Numbers that it computes with: int8, int8_float16 (cuda), float16 (cuda), float32.")
    ] = "int8"
    beam_size: Annotated[
        int, Meta(ge=1, le=10, description="Guesses followed at a time; 1 is the quickest, 5 a little better.")
    ] = 1
    alternatives: Annotated[
        int,
        Meta(
            ge=0,
            le=10,
            description="What else an unclear command may be, for the matching by sound; it takes one decode more, "
            "with so many guesses. 0 is none.",
        ),
    ] = 5
    languages: Annotated[
        tuple[str, ...],
        Meta(description="Languages that may be spoken, the likeliest first; only for multilingual models."),
    ] = ()
    short_context: Annotated[
        bool, Meta(description="Encode only as much time as was spoken: three to five times quicker for commands.")
    ] = True
    prompt: Annotated[
        str,
        Meta(
            max_length=2_000,
            description="Words that are likely to be said, such as names of rooms, beside those of [stt] prompt; spelt "
            "as you like.",
        ),
    ] = ""


class FasterWhisper:
    """The plugin: nothing but its engine."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """No keys; the engine's own are in `[engines.faster_whisper]`."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return [
            EngineSpec(
                name="faster_whisper",
                kind="stt",
                target="auricle_faster_whisper.engine:FasterWhisperEngine",
                config=FasterWhisperConfig,
                description="Whisper on CTranslate2, int8, with as much context as the command needs.",
                requires=("ctranslate2", "tokenizers"),
                extra="embedded",
                licence="MIT; the embedded tiny.en weights MIT",
                languages=("en",),
            )
        ]
