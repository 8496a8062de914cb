"""Uploads: POST /v1/upload_url or /v2/upload_url gives a URL to PUT a file to, once, and one to read it from.

An upload is an output file without a job: it lies at `uploads/{file id}/{name}` below the files' folder, and its
`get_url` is signed and opened as those of jobs are. The URL to PUT to is signed for another purpose, so that
neither can stand for the other.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import replace
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sieve_jobs.engine import answers, forms
from sieve_jobs.engine.answers import Refusal, answer
from sieve_jobs.engine.engine import Engine
from sieve_jobs.engine.receive import read_form
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.signing import UPLOADING, UPLOADS, FileRef, has_expired, safe_name

_PIECE = 1 << 20
_USED = "This URL was used; ask for a new one."
_EXPIRED = "This URL has expired; ask for a new one."
_TOO_LARGE = "File too large, must be less than {} bytes"


async def make_upload_url(request: Request, engine: Engine) -> Response:
    """Nothing is kept until the file comes: the URLs carry what they are for."""
    name = safe_name(await read_form(request, engine.settings, forms.parse_upload))
    file = FileRef(UPLOADS, UPLOADS, str(uuid.uuid4()), name)
    now = time.time()
    sender = replace(engine.signer, ttl=engine.settings.upload_ttl)
    return answer(
        {"upload_url": sender.url(replace(file, function_id=UPLOADING), now), "get_url": engine.signer.url(file, now)}
    )


async def put_upload(request: Request, engine: Engine) -> Response:
    """Takes the file whole or not at all. A PUT that broke off may be made again, one that was answered may not."""
    expires, signature = (request.query_params.get(key, "") for key in ("expires", "sig"))
    parts = request.path_params
    file = FileRef(parts["function_id"], parts["job_id"], parts["file_id"], parts["name"])
    if file.function_id != UPLOADING or not signature.isascii() or not engine.signer.is_ours(file, expires, signature):
        raise Refusal(403, answers.FORBIDDEN)
    if has_expired(expires, time.time()):
        raise Refusal(403, _EXPIRED)
    target = engine.home.files / UPLOADS / file.file_id / file.name
    if target.exists():
        raise Refusal(403, _USED, {"Connection": "close"})
    await _receive(request, target, engine.settings)
    return answer({})


async def _receive(request: Request, target: Path, settings: Settings) -> None:
    """Writes the body beside *target* and gives it that name when it is on the disk. Raises Refusal."""
    announced = request.headers.get("content-length", "")
    too_large = Refusal(413, _TOO_LARGE.format(settings.upload_limit), {"Connection": "close"})
    if announced.isdigit() and int(announced) > settings.upload_limit:
        raise too_large
    draft = target.with_name(f".{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        out = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if not await _copy(request, out, settings):
                raise too_large
            await asyncio.to_thread(os.fsync, out)
        finally:
            os.close(out)
        os.link(draft, target)
    except FileExistsError:  # another PUT to the same URL was faster
        raise Refusal(403, _USED) from None
    except ClientDisconnect:
        raise Refusal(400, "The request body ended early.") from None
    except TimeoutError:
        raise Refusal(408, answers.TIMED_OUT, {"Connection": "close"}) from None
    except OSError as error:
        raise Refusal(503, f"The file could not be kept: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


async def _copy(request: Request, out: int, settings: Settings) -> bool:
    """The body into *out*; False if it is over the limit. TimeoutError where nothing comes for too long."""
    size, pending = 0, bytearray()
    stream = request.stream()
    while True:
        async with asyncio.timeout(settings.body_deadline):
            piece = await anext(stream, None)
        if piece is not None:
            size += len(piece)
            pending += piece
        if size > settings.upload_limit:
            return False
        if pending and (piece is None or len(pending) >= _PIECE):
            await asyncio.to_thread(_write, out, bytes(pending))
            pending.clear()
        if piece is None:
            return True


def _write(out: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(out, left) :]
