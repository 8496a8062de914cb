"""One comment on a pull request, made once and edited after: found by its marker and by who wrote it.

Reads GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN, NUMBER, MARKER and COMMENT_FILE. Needs Python alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

AUTHOR = "github-actions[bot]"
"""Who comments with the token of a workflow. A comment of anybody else is never edited, whatever it says."""
MOST_PAGES = 30
WAITS = (1.0, 4.0, None)
"""Seconds before another try, None after the last one. Each looks for the comment anew, so that none is made twice."""
ANSWERS = 8 << 20


class Unfollowed(urllib.request.HTTPRedirectHandler):
    """Redirects are not followed: the token would go with them."""

    def redirect_request(self, *args: Any) -> None:
        return None


OPENER = urllib.request.build_opener(Unfollowed)


def call(method: str, url: str, body: dict[str, str] | None = None) -> Any:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "Content-Type": "application/json",
        "User-Agent": "sieve-jobs",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the runner's own API address
    with OPENER.open(request, timeout=30) as answer:
        return json.loads(answer.read(ANSWERS))


def own_comment(comments: str, marker: str) -> int | None:
    """The id of the comment that begins with *marker* and is ours."""
    for page in range(1, MOST_PAGES + 1):
        found = call("GET", f"{comments}?per_page=100&page={page}")
        for comment in found:
            if comment["user"]["login"] == AUTHOR and comment["body"].startswith(marker):
                return int(comment["id"])
        if len(found) < 100:
            return None
    return None


def upsert(issues: str, number: str, marker: str, text: str) -> str:
    comments = f"{issues}/{number}/comments"
    body = {"body": f"{marker}\n{text}"}
    comment = own_comment(comments, marker)
    if comment is None:
        return str(call("POST", comments, body)["html_url"])
    return str(call("PATCH", f"{issues}/comments/{comment}", body)["html_url"])


def main() -> int:
    issues = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    name = re.sub(r"[^A-Za-z0-9._/ -]", "_", os.environ["MARKER"]).replace("--", "-_")
    text = Path(os.environ["COMMENT_FILE"]).read_text(encoding="utf-8")
    for wait in WAITS:
        try:
            url = upsert(issues, os.environ["NUMBER"], f"<!-- sieve-jobs: {name} -->", text)
        except urllib.error.HTTPError as error:
            why, again = f"GitHub answered {error.code}", error.code >= 500
            if error.code == 403:
                why += "; the job needs `permissions: pull-requests: write`, or the action `comment: false`"
        except (OSError, ValueError, KeyError, TypeError) as error:
            why, again = f"no usable answer ({type(error).__name__})", True
        else:
            print(f"comment: {url}" if re.fullmatch(r"https?://[!-~]+", url) else "commented")
            return 0
        if wait is None or not again:
            break
        time.sleep(wait * float(os.environ.get("WAIT_FACTOR", "1")))
    print(f"::error title=sieve-jobs::could not comment on the pull request: {why}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
