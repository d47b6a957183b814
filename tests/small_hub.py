"""A small model hub on the loopback address: files with ETags, and everything that can go wrong with them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "a" * 40


@dataclass
class SmallHub:
    """Serves the files of one folder as the model `org/tiny`."""

    folder: Path
    url: str = ""
    commit: str = COMMIT
    gated: bool = False
    asked: list[str] = field(default_factory=list)  # files whose bytes were sent, or begun to be
    cut_off: dict[str, int] = field(default_factory=dict)  # after how many bytes the connection breaks, once
    slow: float = 0.0  # seconds before any answer

    @property
    def name(self) -> str:
        """What the model is called."""
        return "org/tiny"


@contextlib.contextmanager
def serve(hub: SmallHub) -> Iterator[SmallHub]:
    """While this lasts, the hub answers at `hub.url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            time.sleep(hub.slow)
            path = urlsplit(self.path).path
            if path.startswith(f"/api/models/{hub.name}"):
                return self.listing() if "/tree/" in path else self.information()
            before, _, file = path.partition("/resolve/")
            file = file.partition("/")[2]
            if before != f"/{hub.name}":
                return self.refuse(404, "RepoNotFound")
            if hub.gated:
                return self.refuse(401, "GatedRepo")
            if not (hub.folder / file).is_file():
                return self.refuse(404, "EntryNotFound")
            self.file(file, body)

        def information(self) -> None:
            files = sorted(path for path in hub.folder.iterdir() if path.is_file())
            siblings = [{"rfilename": path.name, "size": path.stat().st_size} for path in files]
            content = {"id": hub.name, "modelId": hub.name, "sha": hub.commit, "siblings": siblings, "gated": hub.gated}
            self.send(200, json.dumps(content | {"tags": [], "private": False}).encode(), {})

        def listing(self) -> None:
            files = sorted(path for path in hub.folder.iterdir() if path.is_file())
            entries = [{"type": "file", "path": p.name, "size": p.stat().st_size, "oid": "0"} for p in files]
            self.send(200, json.dumps(entries).encode(), {})

        def file(self, name: str, body: bool) -> None:
            data = (hub.folder / name).read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": hub.commit}
            headers["Accept-Ranges"] = "bytes"
            if not body:
                return self.send(200, data, headers, body=False)
            hub.asked.append(name)
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
            limit = hub.cut_off.pop(name, None)
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.send(206 if start else 200, data[start:], headers, limit=limit)

        def refuse(self, status: int, code: str) -> None:
            self.send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code, "X-Repo-Commit": hub.commit})

        def send(
            self, status: int, data: bytes, headers: dict[str, str], body: bool = True, limit: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # of one who did not wait
                self.wfile.write((data if limit is None else data[:limit]) if body else b"")
            if limit is not None:
                self.close_connection = True
                self.wfile.flush()
                self.connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
