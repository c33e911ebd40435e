"""A Hugging Face hub, through huggingface_hub, which is imported only when something is pulled."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from auricle.model.errors import AuricleError
from auricle.weights.download import OnBytes, download

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub describes it."""

    name: str
    size_bytes: int
    sha256: str | None = None
    """Of a big file."""
    git_sha1: str | None = None
    """Of a small one, as git counts it."""


class Hub:
    """The hub of $HF_ENDPOINT, else Hugging Face's own. Every failure is an AuricleError with what to do."""

    def __init__(self) -> None:
        try:
            import huggingface_hub
        except ImportError as error:
            raise AuricleError("pulling needs huggingface_hub: pip install 'auricle[models]'", code="model") from error
        self._library = huggingface_hub

    def files(self, repo: str, revision: str) -> tuple[str, Mapping[str, RemoteFile]]:
        """Return the commit that a revision means now, and the files in it."""
        with self._reached(repo):
            found = self._library.HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=_TIMEOUT_S)
            files = [
                RemoteFile(file.rfilename, file.size or 0, sha256=file.lfs.sha256)
                if file.lfs is not None
                else RemoteFile(file.rfilename, file.size or 0, git_sha1=file.blob_id)
                for file in found.siblings or []
            ]
            return found.sha or revision, {file.name: file for file in files}

    def fetch(self, repo: str, revision: str, file: RemoteFile, into: Path, on_bytes: OnBytes) -> Path:
        """Fetch one file into a folder, going on with what is there of it.

        The library's own download begins anew in every process (huggingface_hub 2.4), so only the address is its work.
        """
        target = into / file.name
        if target.is_file():
            on_bytes(target.stat().st_size)
            return target
        with self._reached(repo):
            url = self._library.hf_hub_url(repo, file.name, revision=revision)
            address = self._library.get_hf_file_metadata(url, token=self._library.get_token()).location
            same_host = urlparse(address).netloc == urlparse(url).netloc
            headers = _headers(self._library.get_token() if same_host else None)
            download(address, target, file.size_bytes, headers=headers, on_bytes=on_bytes)
        return target

    @contextmanager
    def _reached(self, repo: str) -> Iterator[None]:
        """The library's failures are of many families (its own, its HTTP client's, the system's): all are one here."""
        from huggingface_hub import constants, errors

        try:
            yield
        except errors.OfflineModeIsEnabled as error:
            raise AuricleError("HF_HUB_OFFLINE is set: unset it to pull models", code="model") from error
        except errors.GatedRepoError as error:
            raise AuricleError(
                f"{repo} wants its terms accepted: see {constants.ENDPOINT}/{repo}", code="model"
            ) from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
            raise AuricleError(f"{constants.ENDPOINT} has no {repo} as the manifest names it", code="model") from error
        except (OSError, ValueError, RuntimeError, _http_error()) as error:
            raise AuricleError(
                f"{repo} cannot be pulled from {constants.ENDPOINT}: {_reason(error)}; what has come is kept, and "
                "the next pull goes on from there",
                code="model",
            ) from error


def _headers(token: str | None) -> Mapping[str, str]:
    """The token is for the hub alone, not for the servers that it sends us on to."""
    return {"User-Agent": "auricle"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _http_error() -> type[Exception]:
    """The base of what the library's HTTP client raises, whichever client that is."""
    from huggingface_hub.errors import HfHubHTTPError

    bases: list[type[Exception]] = [
        base for base in HfHubHTTPError.__mro__ if base.__name__ in ("HTTPError", "RequestException")
    ]
    return bases[0] if bases else OSError


def _reason(error: BaseException) -> str:
    """The innermost failure's first line."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    first = re.sub(r"\s+", " ", str(error)).strip()[:200]
    return first or type(error).__name__
