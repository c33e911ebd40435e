"""Where models are on this machine."""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from auricle.weights.manifest import Model, PackageSource

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that models are kept in."""

    models_dir: Path
    """Pulled models, each in its folder."""
    records_dir: Path
    """What is known of those that were pulled or verified: `<name>.json`."""

    def folder(self, model: Model) -> Path | None:
        """Return where the model's files are or would be; None: in a package that is not installed."""
        if isinstance(model.source, PackageSource):
            found = importlib.util.find_spec(model.source.module)
            if found is None or found.origin is None:
                return None
            return Path(found.origin).parent / model.source.folder
        return self.models_dir / (model.folder or model.name)

    def path(self, model: Model) -> Path | None:
        """Return what the configuration is to name: the folder, or its main file; None if the model is not here."""
        folder = self.folder(model)
        if folder is None or self.missing(model):
            return None
        return folder / model.main if model.main else folder

    def missing(self, model: Model) -> list[str]:
        """Return which of the model's files are not here."""
        folder = self.folder(model)
        return [name for name in model.source.files if folder is None or not (folder / name).is_file()]


def package_version(source: PackageSource) -> str | None:
    try:
        return importlib.metadata.version(source.package)
    except importlib.metadata.PackageNotFoundError:
        return None


def sha256_of(path: Path) -> str:
    """Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()
