"""Models: which there are, where they come from, whether they are here and whole; never at work while a turn runs."""

from auricle.weights.manifest import (
    FolderSource,
    HubSource,
    Model,
    PackageSource,
    PartsSource,
    Source,
    find_model,
    load_manifest,
)
from auricle.weights.places import Places, sha256_of
from auricle.weights.pull import pull
from auricle.weights.verify import Known, Verdict, known_checksums, verify

__all__ = [
    "FolderSource",
    "HubSource",
    "Known",
    "Model",
    "PackageSource",
    "PartsSource",
    "Places",
    "Source",
    "Verdict",
    "find_model",
    "known_checksums",
    "load_manifest",
    "pull",
    "sha256_of",
    "verify",
]
