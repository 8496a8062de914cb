"""Line: the connection to the far side, wherever that is. The project's own engine may end, and go on elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from sieve_jobs.push.endpoint import Endpoint, parse_endpoint
from sieve_jobs.push.exchange import NotSentError, RawAnswer
from sieve_jobs.push.http import Http
from sieve_jobs.push.part import Part

Rejoin: TypeAlias = Callable[[], Awaitable[str]]
"""Says at which url the far side answers now. Raises CallError where it does not any more."""


class Line:
    """Requests as those of Http, to a far side that *rejoin* finds again when no connection comes about.

    It is asked once for all calls that notice, and what it raises ends them. Without it a far side stays where it is.
    """

    def __init__(self, endpoint: Endpoint, key: str, *, connect_timeout: float, rejoin: Rejoin | None) -> None:
        self._rejoin = rejoin
        self._http = Http(endpoint, key, connect_timeout=connect_timeout)
        self._left: list[Http] = []
        """Where it was before; calls may still be on their way there."""
        self.url = endpoint.url
        self._urls = [endpoint.url]
        self._looking: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for http in (*self._left, self._http):
            await http.close()

    async def post_once(
        self, path: str, content: bytes, headers: Mapping[str, str], *, deadline: float, in_time: Callable[[], bool]
    ) -> RawAnswer:
        """As of Http. It is found again for the next attempt: this one's intent may be too old by then."""
        http = self._http
        try:
            return await http.post_once(path, content, headers, deadline=deadline, in_time=in_time)
        except NotSentError:
            await self._find(http)
            raise

    async def call(self, method: str, path: str, params: Mapping[str, str], *, deadline: float) -> RawAnswer:
        """As of Http. Made a second time where it was found again, as nothing was sent before."""
        http = self._http
        try:
            return await http.call(method, path, params, deadline=deadline)
        except NotSentError:
            if self._rejoin is None:
                raise
            await self._find(http)
        return await self._http.call(method, path, params, deadline=deadline)

    async def download(self, url: str, part: Part, *, longest_pause: float, deadline: float) -> None:
        """As of Http. A *url* of where it was leads to where it is."""
        http, here = self._http, self._led_here(url)
        try:
            await http.download(here or url, part, longest_pause=longest_pause, deadline=deadline)
        except NotSentError:
            if here is not None:
                await self._find(http)
            raise

    def _led_here(self, url: str) -> str | None:
        """*url* at where the far side is now; None for one that is not its own."""
        own = next((each for each in self._urls if url.startswith(each + "/")), None)
        return None if own is None else self.url + url.removeprefix(own)

    async def _find(self, http: Http) -> None:
        """Returns once calls go elsewhere than through *http*, through which none got."""
        if self._rejoin is None or http is not self._http:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(self._rejoin))
        await asyncio.shield(self._looking)

    async def _look(self, rejoin: Rejoin) -> None:
        endpoint = parse_endpoint(await rejoin())
        self._left.append(self._http)
        self._http = self._http.at(endpoint)
        self.url = endpoint.url
        self._urls.append(endpoint.url)
