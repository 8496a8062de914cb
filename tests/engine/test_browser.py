"""Pages of other sites, and a name made to point here, in a real Chromium: nothing they send gets past the guard.

The routes are the application's own table, so that a new one is tried as well. One browser, one page after the
other, and one test: two of them might be run by two processes, with a browser each.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sieve_jobs.engine.app import ROUTES
from sieve_jobs.engine.launch import Running, attach_with
from tests.engine.browser import CHROMIUM, Browser, browsing
from tests.engine.conftest import settings_for
from tests.engine.farside import DEADLINE

ATTACKS = (Path(__file__).parent / "attacks.js").read_text(encoding="utf-8")
PAGE = "<!doctype html><body></body>"
TABLE = sorted({(method, re.sub(r"\{[^}]*\}", "x", path)) for method, path, _ in ROUTES})
EVIL, REBOUND, FRIEND = "evil.example", "rebound.example", "friend.example"


@pytest.mark.skipif(CHROMIUM is None and os.environ.get("CI") != "true", reason="no chromium: apt-get install chromium")
def test_every_way_of_a_page_to_every_route_is_refused(tmp_path: Path):
    settings = replace(settings_for(tmp_path, workers=0), cors_origins=(f"http://{FRIEND}",), wrong_keys=1000.0)
    profile = tmp_path / "profile"
    profile.mkdir()
    with attach_with(settings) as engine, browsing(profile, EVIL, REBOUND, FRIEND) as browser:
        rebound = f"http://{REBOUND}:{urlsplit(engine.url).port}"
        for page, base, status in (
            (f"http://{EVIL}/", engine.url, 403),  # another site
            ("http://localhost:1/", engine.url, 403),  # another port of this machine
            (f"{rebound}/page", rebound, 421),  # a site whose name now points here: to the browser, its own origin
        ):
            seen, answered = attacked(browser, engine, page, base)
            assert len(seen) > 5 * len(TABLE)
            assert {attack: statuses for attack, statuses in answered.items() if set(statuses) != {status}} == {}, page
            assert {outcome for outcome in seen.values() if not outcome.startswith("read")} <= {"error", "opaque"}
            assert base == rebound or not any(outcome.startswith("read") for outcome in seen.values()), page
        # Without which the refusals would show nothing: the engine's own origin and a named one get through.
        for page in (f"{engine.url}/page", f"http://{FRIEND}/"):
            assert read_jobs(browser, engine, page) == [200, {"data": [], "next_offset": -1}]


def attacked(browser: Browser, engine: Running, page: str, base: str) -> tuple[dict[str, str], dict[str, list[int]]]:
    """What *page* saw of each attack on *base*, and what the engine answered to it."""
    browser.open(page, PAGE)
    seen = dict(browser.run(f"{ATTACKS}({json.dumps({'base': base, 'routes': TABLE, 'key': engine.key})})"))
    return seen, answers(browser, seen)


def answers(browser: Browser, attacks: Collection[str]) -> dict[str, list[int]]:
    """Statuses by attack, preflights included. Every attack must have reached the engine."""
    deadline = time.monotonic() + DEADLINE
    while missing := set(attacks) - set(found := _answers(browser)):
        assert time.monotonic() < deadline, f"not answered: {sorted(missing)[:5]}"
        browser.run("new Promise((done) => setTimeout(done, 20))")  # events come with a command's answer
    return found


def _answers(browser: Browser) -> dict[str, list[int]]:
    urls: dict[str, str] = {}
    found: dict[str, list[int]] = {}
    for event in browser.events:
        name, told = event["method"], event["params"]
        if name == "Network.requestWillBeSent":
            urls[told["requestId"]] = told["request"]["url"]
        elif name == "Network.webSocketCreated":
            urls[told["requestId"]] = told["url"]
    for event in browser.events:
        told = event["params"]
        status = told.get("statusCode") or "".join(re.findall(r"response code: (\d+)", told.get("errorMessage", "")))
        parts = urlsplit(urls.get(told.get("requestId", ""), ""))
        attack = re.search(r"attack=([^&]*)", parts.query)
        if status and attack:
            found.setdefault(f"{attack[1]} {parts.path}", []).append(int(status))
    return found


def read_jobs(browser: Browser, engine: Running, page: str) -> object:
    browser.open(page, PAGE)
    headers = json.dumps({"headers": {"X-API-Key": engine.key}})
    return browser.run(f"fetch('{engine.url}/v2/jobs', {headers}).then(async (it) => [it.status, await it.json()])")
