"""Whisper on transformers: the STT engine for any Whisper checkpoint of Hugging Face, on a GPU or a CPU."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl

__all__ = ["Whisper", "WhisperConfig"]


class WhisperConfig(PluginConfig, frozen=True, kw_only=True):
    """Keys of `[engines.whisper]`."""

    model: Annotated[
        str,
        Meta(
            description="Name of a Whisper checkpoint on the Hugging Face hub that has been downloaded before, or the "
            "folder of one; nothing is downloaded while the daemon runs. Empty is openai/whisper-base.en."
        ),
    ] = ""
    device: Annotated[
        Literal["auto", "cuda", "cpu", "mps"],
        Meta(description="Where the model computes; auto is the first of cuda, mps, cpu that there is."),
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "float16", "bfloat16"],
        Meta(description="Numbers that it computes with; auto is float16 on cuda, float32 elsewhere."),
    ] = "auto"
    int8: Annotated[
        bool,
        Meta(description="On a CPU with float32: multiply in 8 bits; two to three times as quick, with less memory."),
    ] = True
    beams: Annotated[
        int, Meta(ge=1, le=10, description="Guesses followed at a time; 1 is the quickest, 5 a little better.")
    ] = 1
    languages: Annotated[
        tuple[str, ...],
        Meta(description="Languages that may be spoken, the likeliest first; only for multilingual models."),
    ] = ()
    batch: Annotated[
        int,
        Meta(
            ge=0,
            le=8,
            description="Chunks of recordings (`auricle transcribe`) at a time; 0 is 8 on cuda, and 1 elsewhere. Where "
            "it is over 1 they are heard with the whole context; with beams each by itself.",
        ),
    ] = 0
    short_context: Annotated[
        bool, Meta(description="Encode only as much time as was spoken: about twice as quick for commands.")
    ] = True
    prompt: Annotated[
        str,
        Meta(
            max_length=2_000,
            description="Words that are likely to be said, such as names of rooms, beside those of [stt] prompt; spelt "
            "as you like.",
        ),
    ] = ""
    partials: Annotated[
        bool,
        Meta(description="Tell the words that are sure while somebody still speaks; takes up to half of a core more."),
    ] = False


class Whisper:
    """The plugin: nothing but its engine."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """No keys; the engine's own are in `[engines.whisper]`."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return [
            EngineSpec(
                name="whisper",
                kind="stt",
                target="auricle_whisper.engine:TransformersWhisper",
                config=WhisperConfig,
                description="Whisper on transformers: any checkpoint, on cuda, mps or cpu (int8).",
                requires=("torch", "transformers"),
                extra="whisper",
                licence="Apache-2.0; the weights of openai/whisper-* Apache-2.0",
                languages=("en",),
            )
        ]
