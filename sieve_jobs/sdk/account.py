"""What else Sieve's SDK offers by name: jobs and logs by id, uploads, keys. What cannot be had says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn, TypeVar, overload
from urllib.parse import quote

from sieve_jobs.sdk import client
from sieve_jobs.sdk.files import File, as_kind, attributes_of, is_remote
from sieve_jobs.sdk.session import current, key_file
from sieve_jobs.wire import FUNCTIONS, JOBS, Json

F = TypeVar("F", bound=File)


@overload
def upload(file: F) -> F: ...
@overload
def upload(file: str | os.PathLike[str]) -> File: ...
def upload(file: File | str | os.PathLike[str]) -> File:
    """The same file by a URL that functions elsewhere can fetch, after it was sent there."""
    given = file if isinstance(file, File) else File(path=file)
    if is_remote(given):
        return given
    sent = as_kind(File(url=str(client.share(current(), given.path)["url"])), type(given))
    vars(sent).update(attributes_of(given))
    return sent


def get(job_id: str) -> dict[str, Json]:
    """A job as the API shows it."""
    return client.get_job(current(), job_id)


def logs(job_id: str) -> list[str]:
    """The lines a job has printed so far."""
    return [line for _, line in client.lines(current(), job_id)]


def whoami() -> dict[str, Json]:
    """Whom the key belongs to, as far as the API tells: the owner of its functions, the organisation of its jobs.

    No documented route answers that question; what neither shows is None. Raises ValueError for a wrong key.
    """
    api = current()
    functions = client.ask(api, f"{FUNCTIONS}?limit=1")
    page = client.ask_object(api, f"{JOBS}?limit=1").get("data")
    return {
        "api_url": api.url,
        "name": _first(functions, "owner_name"),
        "organization_id": _first(page, "organization_id"),
    }


def write_key(key: str) -> None:
    """Keeps an API key in ~/.config/.sieve/config, for this user alone to read."""
    file = key_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(key.strip())


class _Secrets:
    """`sieve.secrets`: secrets that are injected where a function's Env has their name."""

    def list(self) -> Json:
        return client.ask_object(current(), client.SECRETS).get("data")

    def get(self, name: str) -> Json:
        """The secret with its value masked."""
        return client.ask(current(), self._path(name))

    def create(self, name: str, value: str) -> Json:
        return client.call(current(), "POST", self._path(name), {"value": value})

    def update(self, name: str, value: str) -> Json:
        return client.call(current(), "PUT", self._path(name), {"value": value})

    def delete(self, name: str) -> Json:
        return client.call(current(), "DELETE", self._path(name))

    @staticmethod
    def _path(name: str) -> str:
        return f"{client.SECRETS}/{quote(name, safe='')}"


secrets = _Secrets()


def _not_to_be_had(name: str, instead: str) -> Callable[..., NoReturn]:
    def call(*_: object, **__: object) -> NoReturn:
        raise NotImplementedError(f"sieve.{name} uses a route of Sieve's that is not documented; {instead}")

    call.__name__ = call.__qualname__ = name
    return call


bill = _not_to_be_had("bill", "see GET /v2/usage")
view_bill = _not_to_be_had("view_bill", "see GET /v2/usage")
get_organization_variable = _not_to_be_had("get_organization_variable", "use an Env of the function, or sieve.secrets")
get_organization_variables = _not_to_be_had(
    "get_organization_variables", "use an Env of the function, or sieve.secrets"
)


def _first(rows: Json, key: str) -> Json:
    row = rows[0] if isinstance(rows, list) and rows else None
    return row.get(key) if isinstance(row, dict) else None
