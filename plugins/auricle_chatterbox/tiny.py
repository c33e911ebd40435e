"""Chatterbox models small enough to be made on the spot, of random weights: they speak noise, but all parts run.

Only the sizes that the library has as constants are changed, and only while a model is made. How long a model talks is
put into its weights: two channels of its position embedding drive the choice of the next code, one of valid codes at
every position, one of the end from a certain position on.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# As in the engine's own module, which comes after libraries that read them.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import s3tokenizer.model_v2
import torch
from chatterbox.models.s3gen import S3Gen
from chatterbox.models.s3gen import s3gen as s3gen_module
from chatterbox.models.t3 import T3, llama_configs
from chatterbox.models.t3.modules.perceiver import Perceiver
from chatterbox.models.t3.modules.t3_config import T3Config
from chatterbox.models.voice_encoder import VoiceEncoder
from chatterbox.mtl_tts import SUPPORTED_LANGUAGES
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from auricle_chatterbox.engine import ChatterboxEngine
from auricle_chatterbox.models import Model

_HIDDEN = 64
_LAYERS = 1
_MULTILINGUAL_LAYERS = 14
"""The multilingual model looks at the attention of layers 9, 12 and 13."""
_CODES = 6561
_LOUD = 30.0
_LETTERS = "!'(),-.:;?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\""
_SMALLER: dict[str, dict[str, object]] = {
    "UpsampleConformerEncoder": {"linear_units": 64, "num_blocks": 1},
    "ConditionalDecoder": {
        "channels": [32],
        "n_blocks": 1,
        "num_mid_blocks": 1,
        "num_heads": 1,
        "attention_head_dim": 32,
    },
    "HiFTGenerator": {"base_channels": 64},
    "ConvRNNF0Predictor": {"cond_channels": 32},
}


class TinyChatterbox(ChatterboxEngine):
    """The engine, for a checkpoint that `build` made."""

    def _make(self, folder: Path, device: str) -> Model:
        with shrunk(self._config.model):
            return super()._make(folder, device)


def build(model: str, folder: Path, *, codes: int = 40, seed: int = 0) -> Path:
    """Write a checkpoint of `chatterbox`, `multilingual` or `turbo`; return its folder.

    codes: how many it says of any text, 25 a second; of turbo it is as many less the words of the text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with shrunk(model):
            t3, s3gen, voice_encoder = T3(_t3_config(model)), S3Gen(meanflow=model == "turbo"), VoiceEncoder()
        _script(t3, codes)
        with torch.no_grad():
            # Otherwise random weights go far beyond full scale.
            s3gen.flow.decoder.estimator.final_proj.weight.mul_(0.01)
        prompt_codes = t3.hp.speech_cond_prompt_len
        torch.save(_voice(prompt_codes), folder / "conds.pt")
    match model:
        case "multilingual":
            torch.save(voice_encoder.state_dict(), folder / "ve.pt")
            torch.save(s3gen.state_dict(), folder / "s3gen.pt")
            _save(t3, folder / "t3_mtl23ls_v2.safetensors")
            _letters(folder / "grapheme_mtl_merged_expanded_v1.json", [f"[{code}]" for code in SUPPORTED_LANGUAGES])
        case "turbo":
            _save(voice_encoder, folder / "ve.safetensors")
            _save(s3gen, folder / "s3gen_meanflow.safetensors")
            _save(t3, folder / "t3_turbo_v1.safetensors")
            _words(folder)
        case _:
            _save(voice_encoder, folder / "ve.safetensors")
            _save(s3gen, folder / "s3gen.safetensors")
            _save(t3, folder / "t3_cfg.safetensors")
            _letters(folder / "tokenizer.json", [])
    return folder


@contextmanager
def shrunk(model: str) -> Iterator[None]:
    """While this lasts, models are made small."""
    layers = _MULTILINGUAL_LAYERS if model == "multilingual" else _LAYERS
    llama, gpt2 = llama_configs.LLAMA_520M_CONFIG_DICT, llama_configs.GPT2_MEDIUM_CONFIG
    # One object that all tokenizers have as the default of their last argument.
    tokenizer = vars(s3tokenizer.model_v2.S3TokenizerV2.__init__.__defaults__[-1])
    kept = (dict(llama), dict(gpt2), dict(tokenizer), Perceiver.__init__.__defaults__)
    classes = {name: getattr(s3gen_module, name) for name in _SMALLER}
    llama.update(
        hidden_size=_HIDDEN,
        intermediate_size=_HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=16,
        num_key_value_heads=16,
        head_dim=_HIDDEN // 16,
    )
    gpt2.update(n_embd=_HIDDEN, hidden_size=_HIDDEN, n_head=4, n_layer=layers)
    tokenizer.update(n_audio_state=64, n_audio_head=1, n_audio_layer=1)
    Perceiver.__init__.__defaults__ = (4, _HIDDEN, _HIDDEN, 4)
    try:
        for name, sizes in _SMALLER.items():
            setattr(s3gen_module, name, _with(classes[name], sizes))
        yield
    finally:
        for name, original in classes.items():
            setattr(s3gen_module, name, original)
        for changed, before in zip((llama, gpt2, tokenizer), kept[:3], strict=True):
            changed.clear()
            changed.update(before)
        Perceiver.__init__.__defaults__ = kept[3]


def _with(original: Callable[..., object], sizes: dict[str, object]) -> Callable[..., object]:
    def made(*arguments: object, **named: object) -> object:
        return original(*arguments, **named | sizes)

    return made


def _t3_config(model: str) -> T3Config:
    if model == "multilingual":
        return T3Config.multilingual()
    if model != "turbo":
        return T3Config.english_only()
    # As the library has it in the function that loads the model.
    config = T3Config(text_tokens_dict_size=50276)
    config.llama_config_name = "GPT2_medium"
    config.speech_tokens_dict_size = _CODES + 2
    config.input_pos_emb = None
    config.speech_cond_prompt_len = 375
    config.use_perceiver_resampler = False
    config.emotion_adv = False
    return config


def _script(t3: T3, codes: int) -> None:
    """Make the model say `codes` valid codes at random, then end."""
    if t3.is_gpt:
        # Positions count from the start of the prompt: the voice, its codes, and the text before the speech.
        positions, end = t3.tfmr.wpe.weight, 1 + t3.hp.speech_cond_prompt_len + codes
    else:
        positions, end = t3.speech_pos_emb.emb.weight, codes
    stop = t3.hp.stop_speech_token
    with torch.no_grad():
        positions[:, 0], positions[:, 1] = -_LOUD, _LOUD
        positions[end:, 0] = _LOUD
        head = t3.speech_head.weight
        head[:, :2] = 0.0
        head[_CODES:, 1] = -20.0
        # The multilingual model forbids the end at first, and makes it itself when a code is repeated: so one is.
        head[100, 0] = 20.0
        head[stop, 0], head[stop, 1] = 40.0, 0.0
        if t3.speech_head.bias is not None:
            t3.speech_head.bias.zero_()


def _voice(prompt_codes: int) -> dict[str, dict[str, object]]:
    """A voice of chance."""
    heard = 25
    return {
        "t3": {
            "speaker_emb": torch.nn.functional.normalize(torch.randn(1, 256)),
            "clap_emb": None,
            "cond_prompt_speech_tokens": torch.randint(0, _CODES, (1, prompt_codes)),
            "cond_prompt_speech_emb": None,
            "emotion_adv": 0.5 * torch.ones(1, 1, 1),
        },
        "gen": {
            "prompt_token": torch.randint(0, _CODES, (1, heard)),
            "prompt_token_len": torch.tensor([heard]),
            "prompt_feat": torch.randn(1, 2 * heard, 80),
            "prompt_feat_len": None,
            "embedding": torch.randn(1, 192),
        },
    }


def _save(module: torch.nn.Module, file: Path) -> None:
    save_file({name: value.clone().contiguous() for name, value in module.state_dict().items()}, file)


def _letters(file: Path, extra: list[str]) -> None:
    """A tokenizer of single letters, in the form of the English and the multilingual model."""
    vocabulary = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2}
    for letter in _LETTERS:
        vocabulary[letter] = len(vocabulary)
    while len(vocabulary) < 255:
        vocabulary[f"[UNUSED{len(vocabulary)}]"] = len(vocabulary)
    for name in ("[START]", *extra):
        vocabulary[name] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[STOP]", "[UNK]", "[SPACE]", "[START]", *extra])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(file))


def _words(folder: Path) -> None:
    """A tokenizer of whole words, all of them unknown, in the form of turbo."""
    tokenizer = Tokenizer(models.WordLevel(vocab={"<unk>": 0, "<end>": 1}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>").save_pretrained(
        str(folder)
    )
