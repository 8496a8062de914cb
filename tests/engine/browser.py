"""A real Chromium, driven over its own debugging pipe: two descriptors and JSON, so that no driver is needed.

Source: Chrome DevTools Protocol; `--remote-debugging-pipe` reads commands from descriptor 3 and writes to 4,
each message ended by NUL.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DEADLINE = 60.0
"""Seconds for one command: a whole page of attacks is one."""

_OFF = (
    # Newer browsers keep public pages from this machine by themselves, others do not: the engine has to.
    *("LocalNetworkAccessChecks", "LocalNetworkAccessChecksWebSockets", "BlockInsecurePrivateNetworkRequests"),
    # A frame in a process of its own tells of its network in a session of its own.
    *("IsolateOrigins", "site-per-process", "Translate"),
)


class Browser:
    """One browser with one page. `events` holds what the page's network told since it was last emptied."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._rest = b""
        self._last = 0
        self._pages: dict[str, bytes] = {}
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command; events that come before its answer are kept, requests that are to be filled are filled."""
        number = self._post(method, params)
        deadline = time.monotonic() + DEADLINE
        while True:
            message = self._next(deadline)
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message)

    def open(self, url: str, html: str) -> None:
        """Shows *html* as the page at *url*, as if its server had sent it: nobody is asked for it."""
        self._pages = {url: html.encode()}
        self.send("Fetch.enable", patterns=[{"urlPattern": url, "resourceType": "Document"}])
        self.send("Page.navigate", url=url)
        while self.run("location.href") != url or self.run("document.readyState") != "complete":
            time.sleep(0.01)
        self.send("Fetch.disable")
        self.events.clear()

    def run(self, script: str) -> Any:
        """What *script* comes to, promises awaited."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def _post(self, method: str, params: dict[str, Any]) -> int:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        return self._last

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Fetch.requestPaused":
            request = message["params"]
            html = self._pages[request["request"]["url"]]
            self._post("Fetch.fulfillRequest", {
                "requestId": request["requestId"], "responseCode": 200, "body": base64.b64encode(html).decode(),
                "responseHeaders": [{"name": "Content-Type", "value": "text/html"}],
            })  # fmt: skip
        elif str(message.get("method")).startswith("Network."):
            self.events.append(message)

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def browsing(profile: Path, *names: str) -> Iterator[Browser]:
    """A browser for which all *names* are this machine."""
    assert CHROMIUM is not None
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    arguments = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={profile}",
        "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--disable-extensions", "--disable-sync", "--no-proxy-server",
        "--disable-site-isolation-trials", f"--disable-features={','.join(_OFF)}",
        f"--host-resolver-rules={','.join(f'MAP {name} 127.0.0.1' for name in names)}",
    ]  # fmt: skip
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 64) for end in (theirs_in, theirs_out)]
    pid = os.posix_spawn(
        CHROMIUM, arguments, {**os.environ, "HOME": str(profile)}, setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4),
            (os.POSIX_SPAWN_OPEN, 2, str(profile / "log"), os.O_WRONLY | os.O_CREAT, 0o600),
        ],
    )  # fmt: skip
    for end in (theirs_in, theirs_out, *high):
        os.close(end)
    try:
        yield Browser(commands, answers)
    finally:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(commands)
        os.close(answers)
