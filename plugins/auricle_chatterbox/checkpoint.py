"""Where a model's files are: in a named folder, or where the model hub's client keeps them; nothing is fetched."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auricle.api import EngineUnavailable


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What belongs to a model."""

    name: str
    """As `auricle models` calls it."""
    repository: str
    needed: tuple[str, ...]


MODELS = {
    "chatterbox": ModelFiles(
        "chatterbox",
        "ResembleAI/chatterbox",
        ("ve.safetensors", "t3_cfg.safetensors", "s3gen.safetensors", "tokenizer.json"),
    ),
    "multilingual": ModelFiles(
        "chatterbox-multilingual",
        "ResembleAI/chatterbox",
        ("ve.pt", "t3_mtl23ls_v2.safetensors", "s3gen.pt", "grapheme_mtl_merged_expanded_v1.json"),
    ),
    "turbo": ModelFiles(
        "chatterbox-turbo",
        "ResembleAI/chatterbox-turbo",
        ("ve.safetensors", "t3_turbo_v1.safetensors", "s3gen_meanflow.safetensors", "tokenizer_config.json"),
    ),
}


def locate(model: str, checkpoint: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder with all of the model's files. Raises EngineUnavailable with what to type."""
    files = MODELS[model]
    if checkpoint:
        folder = Path(checkpoint).expanduser()
        missing = [name for name in files.needed if not (folder / name).is_file()]
        if missing:
            raise EngineUnavailable(
                f"[engines.chatterbox] checkpoint {checkpoint!r} lacks {', '.join(missing)}: name the folder of a "
                f"{model} model, or leave the key out"
            )
        return folder
    kept = _hub(environ) / f"models--{files.repository.replace('/', '--')}"
    for folder in _snapshots(kept):
        if all((folder / name).is_file() for name in files.needed):
            return folder
    raise EngineUnavailable(
        f"the model {model} of Chatterbox is not on this machine: `auricle models pull {files.name}`, and set "
        "[engines.chatterbox] checkpoint to the folder that it names"
    )


def identity(model: str, folder: Path) -> str:
    """Changes when the model's files do."""
    found = [(folder / name).stat() for name in MODELS[model].needed]
    return f"{model} {[(stat.st_size, stat.st_mtime_ns) for stat in found]}"


def _hub(environ: Mapping[str, str]) -> Path:
    """As the hub's client finds its cache."""
    if given := environ.get("HF_HUB_CACHE"):
        return Path(given)
    if home := environ.get("HF_HOME"):
        return Path(home) / "hub"
    session = environ.get("XDG_CACHE_HOME")
    return (Path(session) if session else Path("~/.cache").expanduser()) / "huggingface" / "hub"


def _snapshots(kept: Path) -> list[Path]:
    """The one that was fetched as `main` first."""
    try:
        main = (kept / "refs" / "main").read_text().strip()
    except OSError:
        main = ""
    found = sorted(kept.glob("snapshots/*"))
    return sorted(found, key=lambda folder: folder.name != main)
