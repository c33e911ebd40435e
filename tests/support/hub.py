"""A hub of models on this machine: as much of Hugging Face's HTTP interface as fetching a file takes."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves `files` (path in the repository to content) as the repository `repo`."""

    def __init__(self, repo: str, files: Mapping[str, bytes]) -> None:
        self.repo = repo
        self.files = dict(files)
        self.big = {name for name in files if name.endswith((".bin", ".onnx"))}
        """Files whose SHA-256 the hub tells."""
        self.sent: list[tuple[str, int]] = []
        """(file, first byte) of each answer with content, in order."""
        self.cuts: dict[str, list[int]] = {}
        """File to the bytes after which its connection breaks, the first time it is sent, the second …"""
        self.swapped: dict[str, bytes] = {}
        """File to what is sent in its place."""
        self.endpoint = ""

    def describe(self) -> dict[str, object]:
        return {
            "_id": "1",
            "id": self.repo,
            "modelId": self.repo,
            "sha": COMMIT,
            "siblings": [self._sibling(name, content) for name, content in self.files.items()],
        }

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        sibling: dict[str, object] = {
            "rfilename": name,
            "size": len(content),
            "blobId": hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest(),
        }
        if name in self.big:
            sibling["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
        return sibling

    def etag(self, name: str) -> str:
        content = self.files[name]
        return (
            sha256(content) if name in self.big else hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
        )


@contextmanager
def hub_of(repo: str, files: Mapping[str, bytes]) -> Iterator[Hub]:
    """A hub that runs until the end of the block."""
    hub = Hub(repo, files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlparse(self.path).path)
            resolve = re.fullmatch(rf"/{re.escape(repo)}/resolve/[^/]+/(.+)", path)
            if re.fullmatch(rf"/api/models/{re.escape(repo)}(/revision/[^/]+)?", path):
                self._send(200, json.dumps(hub.describe()).encode(), {"Content-Type": "application/json"}, body)
            elif resolve and resolve[1] in hub.files:
                self._file(resolve[1], body)
            else:
                code = "EntryNotFound" if resolve else "RepoNotFound"
                self._send(404, b"", {"X-Error-Code": code}, body)

        def _file(self, name: str, body: bool) -> None:
            content = hub.swapped.get(name, hub.files[name])
            headers = {"ETag": f'"{hub.etag(name)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            first = 0
            if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
                first = int(asked[1])
                last = min(int(asked[2]) if asked[2] else len(content) - 1, len(content) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                content = content[: last + 1]
            if body:
                hub.sent.append((name, first))
            cuts = hub.cuts.get(name) if body else None
            self._send(206 if asked else 200, content[first:], headers, body, cuts.pop(0) if cuts else None)

        def _send(
            self, status: int, content: bytes, headers: Mapping[str, str], body: bool, cut_after: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content[:cut_after])
                if cut_after is not None:
                    self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, name="hub", kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
