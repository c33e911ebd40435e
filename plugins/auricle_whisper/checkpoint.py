"""A checkpoint made ready to compute: found on this machine, on the wanted device, in the wanted numbers."""

import logging
import warnings
from pathlib import Path

import huggingface_hub
import torch
import transformers

from auricle.api import EngineUnavailable

DEFAULT_MODEL = "openai/whisper-base.en"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")

_log = logging.getLogger(__name__)


def checkpoint_folder(model: str) -> Path:
    """Where the checkpoint's files are; nothing is ever downloaded. Raises EngineUnavailable with what to type."""
    model = model or DEFAULT_MODEL
    folder = Path(model).expanduser()
    if not folder.is_dir():
        try:
            folder = Path(huggingface_hub.snapshot_download(model, local_files_only=True))
        except (OSError, ValueError) as error:
            raise EngineUnavailable(
                f"[stt] model {model!r} is neither a folder nor a Whisper checkpoint that was downloaded to this "
                f"machine: type `hf download {model}` as the user that the daemon runs as, or give the folder of one"
            ) from error
    if not (folder / "config.json").is_file() or not any((folder / name).is_file() for name in _WEIGHTS):
        raise EngineUnavailable(
            f"[stt] model {model!r} is no whole checkpoint: {folder} has not both config.json and "
            f"{_WEIGHTS[0]}; type `hf download {model}`, or give the folder of a Whisper checkpoint for transformers"
        )
    return folder


def chosen_device(wanted: str) -> str:
    """`auto` is the best that there is. Raises EngineUnavailable for one that there is not."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, works in there.items() if works)
    if not there[wanted]:
        raise EngineUnavailable(
            f'[engines.whisper] device = "{wanted}" cannot be used: torch {torch.__version__} finds no such device '
            'here; set it to "auto" or "cpu"'
        )
    return wanted


def chosen_dtype(wanted: str, device: str) -> torch.dtype:
    if wanted == "auto":
        wanted = "float16" if device == "cuda" else "float32"
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[wanted]


def load_model(folder: Path, device: str, dtype: torch.dtype) -> transformers.WhisperForConditionalGeneration:
    """Raises OSError, ValueError or RuntimeError for files that are no Whisper."""
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.model_type != "whisper":
        raise ValueError(f"it is a {config.model_type} model, not Whisper")
    model = transformers.WhisperForConditionalGeneration.from_pretrained(
        folder, config=config, dtype=dtype, local_files_only=True
    )
    return model.eval().to(device)


def quantise(model: transformers.WhisperForConditionalGeneration) -> bool:
    """Turn the matrices to int8 in place; false, and nothing is changed, where torch cannot for this processor."""
    if torch.backends.quantized.engine == "none":
        _log.warning("Whisper computes in float32, not in int8: torch has no engine for it on this processor")
        return False
    try:
        with warnings.catch_warnings():
            # torch's successor of this is a package of its own.
            warnings.simplefilter("ignore")
            each_row = {torch.nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}
            torch.ao.quantization.quantize_dynamic(model, each_row, inplace=True)
    except (NotImplementedError, AttributeError, RuntimeError) as error:  # NotImplementedError is torch's own
        _log.warning("Whisper computes in float32, not in int8, which torch cannot do here: %s", error)
        return False
    return True
