"""Chatterbox: a natural voice, any voice by a clip of it, in an environment of its own.

MIT, all of it. `auricle engines install chatterbox` makes the environment; only the engine's own process imports it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from auricle.api import EngineSpec, PluginConfig, PluginContext, hookimpl
from auricle_chatterbox.recipes import FULL, LIGHT

__all__ = ["Chatterbox", "ChatterboxConfig"]

LANGUAGES = tuple("en ar da de el es fi fr he hi it ja ko ms nl no pl pt ru sv sw tr zh".split())
"""Of the multilingual model; the others speak English."""


class ChatterboxConfig(PluginConfig, frozen=True, kw_only=True):
    """Keys of `[engines.chatterbox]`. A number beyond what the model can do counts as the nearest that it can."""

    model: Annotated[
        Literal["chatterbox", "multilingual", "turbo"],
        Meta(description='"chatterbox" (English), "multilingual" (23 languages) or "turbo" (English, quickest).'),
    ] = "chatterbox"
    checkpoint: Annotated[
        str | None, Meta(description="Folder with the model's files; none is where the model hub's client keeps them.")
    ] = None
    device: Annotated[
        Literal["auto", "cuda", "mps", "cpu"],
        Meta(description="Where it computes; on a CPU a sentence takes a minute or more."),
    ] = "auto"
    stream: Annotated[
        Literal["off", "auto", "on"],
        Meta(
            description='Whether a sentence is played while it is made: "auto" on a GPU that is quick enough, "on" '
            "anywhere. Where it is off, a sentence that fails in the middle is said by another engine as a whole."
        ),
    ] = "off"
    voice: Annotated[
        str,
        Meta(description="Voice when none is asked for: a clip in `voices_dir` by name; empty is the model's own."),
    ] = ""
    voices_dir: Annotated[
        str | None,
        Meta(description="Folder of voices, each a clip of 5 to 10 s of one person: NAME.wav, .flac, .ogg, .mp3."),
    ] = None
    language: Annotated[
        str, Meta(description="Language of texts that name none; the multilingual model speaks others than English.")
    ] = "en"
    exaggeration: Annotated[float | None, Meta(description="Expression, 0 to 2; none is 0.5. Not with turbo.")] = None
    cfg_weight: Annotated[
        float | None, Meta(description="How closely pace follows the clip, 0.001 to 1; none is 0.5. Not with turbo.")
    ] = None
    temperature: Annotated[float | None, Meta(description="Variety, 0.05 to 2; none is 0.8.")] = None
    repetition_penalty: Annotated[
        float | None, Meta(description="Against repeated sounds, 1 to 3; none is 1.2, of multilingual 2.")
    ] = None
    min_p: Annotated[
        float | None, Meta(description="Least likelihood of a sound, 0 to 1; none is 0.05. Not with turbo.")
    ] = None
    top_p: Annotated[
        float | None, Meta(description="Share of likely sounds chosen from, 0.01 to 1; none is 1, of turbo 0.95.")
    ] = None
    seed: Annotated[
        int | None, Meta(description="The same seed gives the same speech on the same machine; none is chance.")
    ] = None
    cache_dir: Annotated[
        str | None, Meta(description="Folder where prepared voices are kept; none is the daemon's cache.")
    ] = None
    sentence_pause_s: Annotated[
        float, Meta(ge=0, le=2, description="Quiet between pieces of one text.", extra={"unit": "s"})
    ] = 0.12


class Chatterbox:
    """The plugin: nothing but its engine."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """No keys; the engine's own are in `[engines.chatterbox]`."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return [
            EngineSpec(
                name="chatterbox",
                kind="tts",
                target="auricle_chatterbox.engine:ChatterboxEngine",
                config=ChatterboxConfig,
                description="Chatterbox: natural speech, voices from clips; wants a GPU of 4 to 6 GB.",
                requires=("chatterbox", "torch", "num2words", "soundfile"),
                licence="MIT; what it says carries an inaudible watermark",
                languages=LANGUAGES,
                recipes=(LIGHT, FULL),
            )
        ]
