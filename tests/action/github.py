"""A stand-in for the part of GitHub's API that comments on issues; every request that writes is recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-run"
BOT = "github-actions[bot]"


class GitHub:
    """Comments of one issue, and how the next requests are to fail."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.writes: list[tuple[str, str]] = []
        self.failures: list[int] = []
        """Statuses that the next requests are answered with."""
        self.url = ""

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[GitHub]:
        here = cls()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                self._answer("POST")

            def do_PATCH(self) -> None:
                self._answer("PATCH")

            def _answer(self, method: str) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else {}
                known = self.headers["Authorization"] == f"Bearer {TOKEN}"
                status, said = here.answer(method, self.path, body) if known else (401, {})
                raw = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            here.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield here
            finally:
                server.shutdown()
                thread.join()

    def add(self, login: str, body: str) -> dict[str, Any]:
        made = {"id": 100 + len(self.comments), "user": {"login": login}, "body": body, "html_url": f"{self.url}/c"}
        self.comments.append(made)
        return made

    def answer(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.failures:
            return self.failures.pop(0), {"message": "no"}
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if method == "GET" and path == "/repos/octo/videos/issues/7/comments":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[(page - 1) * size : page * size]
        self.writes.append((method, path))
        if method == "POST" and path == "/repos/octo/videos/issues/7/comments":
            return 201, self.add(BOT, body["body"])
        for comment in self.comments:
            if method == "PATCH" and path == f"/repos/octo/videos/issues/comments/{comment['id']}":
                comment["body"] = body["body"]
                return 200, comment
        return 404, {"message": "Not Found"}
