"""The far side's sockets: the one module of the tool that imports httpx. Knows no route and decides nothing.

httpx is imported by the first call that goes through it: a run that only pushes, to this machine, starts without.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sieve_jobs import __version__, wire
from sieve_jobs.push.endpoint import Endpoint, is_loopback
from sieve_jobs.push.exchange import LATE, BrokenError, NotSentError, Peer, RawAnswer, exchange
from sieve_jobs.push.outcome import Outcome, of_exception
from sieve_jobs.push.part import Part

if TYPE_CHECKING:
    import httpx

# httpx loads its own command line, with all of rich and pygments, unless that cannot be had: a third of its import.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

LONGEST_BODY = 8 * 1024 * 1024
MOST_REDIRECTS = 5
"""Of an output's url; calls of the API are never redirected."""
_ANY = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"sieve-jobs/{__version__}"}
_ACCEPT = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"sieve-jobs/{__version__}"}


class TooLongError(BrokenError):
    """The answer is longer than LONGEST_BODY."""


class StatusError(BrokenError):
    """An output's url answered with *status*, which is not 200."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Http:
    """Requests to one endpoint with one key. Everything here raises NotSentError or BrokenError, and no other error.

    *deadline* is the longest an exchange may take as a whole, in seconds: httpx's own timeouts are per read.
    """

    def __init__(self, endpoint: Endpoint, key: str, *, connect_timeout: float) -> None:
        self._endpoint = endpoint
        self._key = key
        self._connect_timeout = connect_timeout
        try:
            self._tls = _tls_context() if endpoint.is_tls else None
        except OSError as error:
            raise NotSentError(f"the certificates to trust cannot be read: {error}") from error
        # A proxy would get to see a key that is meant for this machine alone.
        self._trust_env = not endpoint.is_loopback
        self._proxied = self._trust_env and _has_proxy("https" if endpoint.is_tls else "http")
        self._tls_elsewhere: ssl.SSLContext | None = None
        self._idle: list[httpx.AsyncClient] = []
        self._peer = Peer(endpoint.host, endpoint.port, self._tls)
        self._fields = _lines({"Host": endpoint.authority, **_ACCEPT, "Connection": "close"})

    def at(self, endpoint: Endpoint) -> Http:
        """The same to another *endpoint*."""
        return Http(endpoint, self._key, connect_timeout=self._connect_timeout)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().aclose()

    async def post_once(
        self, path: str, content: bytes, headers: Mapping[str, str], *, deadline: float, in_time: Callable[[], bool]
    ) -> RawAnswer:
        """A POST over a connection of its own, through the environment's proxy where there is one.

        *in_time* is asked as late as can be: whether it may still go. Raises NotSentError if not.
        """
        if not self._proxied:
            return await exchange(
                self._peer, self._request(path, content, headers), connect_timeout=self._connect_timeout,
                deadline=deadline, longest_body=LONGEST_BODY, in_time=in_time,
            )  # fmt: skip
        if not in_time():
            raise NotSentError(LATE)
        async with (
            _within(deadline),
            self._client(keep_alive=False) as client,
        ):
            return await _whole(client, client.build_request("POST", path, content=content, headers=headers))

    async def call(self, method: str, path: str, params: Mapping[str, str], *, deadline: float) -> RawAnswer:
        """A call without a body, over a connection that may have been used before."""
        async with _within(deadline), self._borrowed() as client:
            return await _whole(client, client.build_request(method, path, params=params))

    async def download(self, url: str, part: Part, *, longest_pause: float, deadline: float) -> None:
        """Fetches *url*, an output's, into *part*. No key is sent, and redirects are followed.

        Nothing may come for *longest_pause* seconds, and all of it takes at most *deadline*. Raises OSError too, of the
        disk, and StatusError for another answer than 200.
        """
        import httpx

        try:
            async with asyncio.timeout(deadline):
                for _ in range(MOST_REDIRECTS + 1):
                    leads_to = await self._fetch(url, part, longest_pause)
                    if leads_to is None:
                        return
                    url = leads_to
            raise BrokenError(f"it was redirected more than {MOST_REDIRECTS} times")
        except TimeoutError:
            raise BrokenError(f"it was not whole after {deadline:g} s") from None
        except httpx.ConnectTimeout:
            raise NotSentError(f"no connection within {self._connect_timeout:g} s") from None
        except httpx.ConnectError as error:
            raise NotSentError(f"no connection: {error}") from None
        except httpx.TimeoutException:
            raise BrokenError(f"nothing came for {longest_pause:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BrokenError(f"the transfer broke off ({type(error).__name__})") from None

    async def _fetch(self, url: str, part: Part, longest_pause: float) -> str | None:
        """One answer into *part*; the url it redirects to, if it does."""
        import httpx

        self._require_fit(httpx.URL(url))
        timeout = httpx.Timeout(longest_pause, connect=self._connect_timeout)
        trust_env = not is_loopback(httpx.URL(url).host)
        async with (
            httpx.AsyncClient(timeout=timeout, verify=self._tls_of(url), trust_env=trust_env, headers=_ANY) as client,
            client.stream("GET", url) as response,
        ):
            if response.has_redirect_location:
                return str(response.url.join(response.headers["location"]))
            if response.status_code != 200:
                raise StatusError(f"it answered {response.status_code}", response.status_code)
            length = response.headers.get("content-length", "")
            if length.isdigit():
                part.expect(int(length))
            async for piece in response.aiter_bytes(1 << 20):
                part.write(piece)
            if length.isdigit() and response.num_bytes_downloaded != int(length):
                raise BrokenError(f"{response.num_bytes_downloaded:,} bytes came of {int(length):,}")
            return None

    def _require_fit(self, url: httpx.URL) -> None:
        """Outputs come over https, or from this machine where the far side is on it."""
        if url.scheme != "https" and not (
            url.scheme == "http" and self._endpoint.is_loopback and is_loopback(url.host)
        ):
            raise BrokenError(f"its url is not https, but {url.scheme or 'none'}")

    def _tls_of(self, url: str) -> ssl.SSLContext:
        if self._tls is None and url.startswith("https:"):
            import httpx

            self._tls_elsewhere = self._tls_elsewhere or httpx.create_ssl_context()
            return self._tls_elsewhere
        return self._tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _request(self, path: str, content: bytes, headers: Mapping[str, str]) -> bytes:
        """The bytes of a POST that leaves no connection behind."""
        fields = self._fields + _lines({wire.KEY_HEADER: self._key, **headers, "Content-Length": str(len(content))})
        return f"POST {self._endpoint.path}{path} HTTP/1.1\r\n{fields}\r\n".encode() + content

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[httpx.AsyncClient, None]:
        """A client of its own for each call under way: one pool shared by many is scanned on every request."""
        client = self._idle.pop() if self._idle else self._client(keep_alive=True)
        try:
            yield client
        except BaseException:
            await client.aclose()
            raise
        self._idle.append(client)

    def _client(self, *, keep_alive: bool) -> httpx.AsyncClient:
        try:
            return self._made(keep_alive=keep_alive)
        except (ValueError, ImportError) as error:
            raise NotSentError(f"the proxy that the environment names cannot be used: {error}") from error

    def _made(self, *, keep_alive: bool) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            base_url=self._endpoint.url,
            auth=self._signed,
            headers=_ACCEPT,
            # Without certificates of its own a plain context trusts nobody, and costs nothing to make.
            verify=self._tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=httpx.Timeout(None, connect=self._connect_timeout),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=int(keep_alive)),
            follow_redirects=False,
            trust_env=self._trust_env,
        )

    def _signed(self, request: httpx.Request) -> httpx.Request:
        """Puts the key on a request as it leaves, so that no client or headers object holds it in its repr."""
        request.headers[wire.KEY_HEADER] = self._key
        return request


def _lines(fields: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in fields.items()])


def _tls_context() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def _has_proxy(scheme: str) -> bool:
    from urllib.request import getproxies

    return not {scheme, "all"}.isdisjoint(getproxies())


@asynccontextmanager
async def _within(deadline: float) -> AsyncGenerator[None, None]:
    import httpx

    try:
        async with asyncio.timeout(deadline):
            yield
    except TimeoutError:
        raise BrokenError(f"it gave no answer in {deadline:g} s") from None
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise (NotSentError if of_exception(error) is Outcome.UNREACHABLE else BrokenError)(why) from None


async def _whole(client: httpx.AsyncClient, request: httpx.Request) -> RawAnswer:
    """The answer with its body as it came, not decompressed."""
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > LONGEST_BODY:
                raise TooLongError(f"the answer is longer than {LONGEST_BODY} bytes", bytes(body))
    finally:
        await response.aclose()
    return RawAnswer(response.status_code, response.headers.raw, bytes(body))
