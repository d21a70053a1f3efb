"""The clients: a driver sends a request the way the users of its library do.

`send` is a whole exchange, `open` leaves the body of the response unread. Exceptions are the
library's own.
"""

from __future__ import annotations

import asyncio
import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
import botocore.httpsession
import httpcore
import httpx
import pytest
import requests
import urllib3
from botocore.awsrequest import AWSPreparedRequest
from requests.adapters import HTTPAdapter
from tornado.curl_httpclient import CurlAsyncHTTPClient
from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from urllib3.util import Retry
from yarl import URL

T = TypeVar("T")
Body = bytes | Iterable[bytes] | None
# Chunks arrive one by one, so that a test can look in between.
STEP = 5


class Answer(NamedTuple):
    """What the program gets."""

    status: int
    body: bytes


class Opened(Protocol):
    """A response whose body is to be read."""

    def read(self, size: int | None, /) -> bytes: ...
    def close(self) -> None: ...


class Client:
    """A driver; `features` are what its library does by itself, `refusal` how it says that nobody
    listens, `opens` whether it leaves a body unread, `integrations` what its calls pass.
    """

    name: str
    integrations: Sequence[str]
    features: frozenset[str] = frozenset()
    refusal = "refused"
    opens = True

    def __init__(self, timeout: float = 10.0) -> None:
        self.timeout = timeout

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        """Sends a request and reads the answer."""
        raise NotImplementedError

    def open(self, url: str) -> Opened:
        """Sends a request and leaves the answer's body where it is."""
        raise NotImplementedError

    def by_proxy(self, proxy: str, url: str) -> Answer:
        """Sends a request through a proxy."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes what is kept open."""


class Urllib3(Client):
    """A pool of connections."""

    name = "urllib3"
    integrations = ("urllib3", "http_client")
    features = frozenset(("keeps", "redirects", "retries"))
    retries = Retry(5, status_forcelist=[503], backoff_factor=0, raise_on_status=False)

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__(timeout)
        self.pool = urllib3.PoolManager(timeout=self.timeout, retries=self.retries)

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Answer:
        response = self.pool.request(method, url, body=body, headers=headers, timeout=self.timeout)
        return Answer(response.status, response.data)

    def open(self, url: str) -> Opened:
        return self.pool.request("GET", url, preload_content=False)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        response = urllib3.ProxyManager(proxy).request("GET", url)
        return Answer(response.status, response.data)

    def close(self) -> None:
        self.pool.clear()


class Requests(Client):
    """A session."""

    name = "requests"
    integrations = ("urllib3", "http_client")
    features = frozenset(("keeps", "redirects", "retries"))

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__(timeout)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", HTTPAdapter(max_retries=Urllib3.retries))

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Answer:
        response = self.session.request(
            method, url, headers=headers, data=body, timeout=self.timeout
        )
        return Answer(response.status_code, response.content)

    def open(self, url: str) -> Opened:
        response = self.session.get(url, stream=True)
        return _Streamed(response)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        response = self.session.get(url, proxies={"http": proxy})
        return Answer(response.status_code, response.content)

    def close(self) -> None:
        self.session.close()


class _Streamed:
    def __init__(self, response: requests.Response) -> None:
        self.close = response.close
        self._chunks = response.iter_content(STEP)

    def read(self, size: int | None, /) -> bytes:
        return b"".join(self._chunks) if size is None else next(self._chunks)


class HttpClient(Client):
    """A connection for each request."""

    name = "http.client"
    integrations = ("http_client",)

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Answer:
        connection, target = self._connection(url)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def open(self, url: str) -> Opened:
        connection, target = self._connection(url)
        connection.request("GET", target)
        return connection.getresponse()

    def by_proxy(self, proxy: str, url: str) -> Answer:
        connection, _ = self._connection(proxy)
        connection.request("GET", url)
        response = connection.getresponse()
        return Answer(response.status, response.read())

    def _connection(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=self.timeout)
        return connection, parts.path + (parts.query and f"?{parts.query}")


class UrllibRequest(Client):
    """`urlopen`, which raises an answer of 400 and above."""

    name = "urllib.request"
    integrations = ("http_client",)
    features = frozenset(("redirects",))
    _direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Answer:
        request = urllib.request.Request(url, body, dict(headers or {}), method=method)
        try:
            with self._direct.open(request, timeout=self.timeout) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read())

    def open(self, url: str) -> Opened:
        opened: Opened = self._direct.open(url)
        return opened

    def by_proxy(self, proxy: str, url: str) -> Answer:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
        with opener.open(url) as response:
            return Answer(response.status, response.read())


class Botocore(Client):
    """What every AWS client sends through; it has a urllib3 pool."""

    name = "botocore"
    integrations = ("urllib3", "http_client")
    features = frozenset(("keeps",))

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__(timeout)
        self._session = botocore.httpsession.URLLib3Session(timeout=self.timeout)

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Answer:
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            sent["Transfer-Encoding"] = "chunked"
        request = AWSPreparedRequest(method, url, sent, body, stream_output=False)
        response = self._session.send(request)
        return Answer(response.status_code, response.content)

    def open(self, url: str) -> Opened:
        request = AWSPreparedRequest("GET", url, {}, None, stream_output=True)
        opened: Opened = self._session.send(request).raw
        return opened

    def by_proxy(self, proxy: str, url: str) -> Answer:
        session = botocore.httpsession.URLLib3Session(proxies={"http": proxy})
        response = session.send(AWSPreparedRequest("GET", url, {}, None, stream_output=False))
        return Answer(response.status_code, response.content)

    def close(self) -> None:
        self._session.close()


class Httpx(Client):
    """A client that follows redirects."""

    name = "httpx"
    integrations = ("httpcore",)
    features = frozenset(("keeps", "redirects"))

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__(timeout)
        self.client = self.made()

    def made(self, **kwargs: Any) -> httpx.Client:
        """A client that looks for no proxy by itself."""
        return httpx.Client(
            timeout=self.timeout, follow_redirects=True, trust_env=False, limits=LIMITS, **kwargs
        )

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        response = self.client.request(method, url, content=body, headers=headers)
        return Answer(response.status_code, response.content)

    def open(self, url: str) -> Opened:
        request = self.client.build_request("GET", url)
        response = self.client.send(request, stream=True)
        return _Chunks(response.iter_bytes(STEP), response.close)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        with self.made(proxy=proxy) as client:
            response = client.get(url)
            return Answer(response.status_code, response.content)

    def close(self) -> None:
        self.client.close()


LIMITS = httpx.Limits(max_connections=None)


class _Chunks:
    """A body that is read to its end or closed."""

    def __init__(self, chunks: Iterable[bytes], close: Any) -> None:
        self._chunks = iter(chunks)
        self.close = close

    def read(self, size: int | None, /) -> bytes:
        if size is not None:
            return next(self._chunks)
        try:
            return b"".join(self._chunks)
        finally:
            self.close()


class Httpcore(Client):
    """A pool of connections, whose answers are closed by whoever reads them."""

    name = "httpcore"
    integrations = ("httpcore",)
    features = frozenset(("keeps",))

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__(timeout)
        self.pool = httpcore.ConnectionPool(max_connections=None)
        self.extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Any = None,
    ) -> Answer:
        response = self.pool.request(
            method,
            url,
            headers=list((headers or {}).items()),
            content=body,
            extensions=self.extensions,
        )
        return Answer(response.status, response.content)

    def open(self, url: str) -> Opened:
        request = httpcore.Request("GET", url, headers={"Host": urlsplit(url).netloc})
        response = self.pool.handle_request(request)
        return _Chunks(response.iter_stream(), response.close)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        with httpcore.HTTPProxy(proxy) as pool:
            response = pool.request("GET", url)
            return Answer(response.status, response.content)

    def close(self) -> None:
        self.pool.close()


class AsyncClient(Client):
    """A client of an event loop, which runs in a thread; each call is a task of its caller's."""

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__(timeout)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.run(self.begin())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for a task; it has the context of the code that asks for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def begin(self) -> None:
        """Makes what belongs to the loop."""
        raise NotImplementedError

    async def end(self) -> None:
        """Closes that."""
        raise NotImplementedError

    def close(self) -> None:
        async def everything() -> None:
            await self.end()
            await self._loop.shutdown_asyncgens()
            await self._loop.shutdown_default_executor()

        self.run(everything())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def opened(self, chunks: AsyncIterator[bytes], close: Any) -> Opened:
        """An answer's body, read step by step in the loop."""
        return _AsyncChunks(self, chunks, close)


class _AsyncChunks:
    def __init__(self, client: AsyncClient, chunks: AsyncIterator[bytes], close: Any) -> None:
        self._client = client
        self._chunks = chunks
        self._close = close

    def read(self, size: int | None, /) -> bytes:
        return self._client.run(self._read(size))

    async def _read(self, size: int | None) -> bytes:
        if size is not None:
            return await anext(self._chunks)
        try:
            return b"".join([chunk async for chunk in self._chunks])
        finally:
            await self._close()

    def close(self) -> None:
        async def close() -> None:
            await self._close()

        self._client.run(close())


def _in_steps(body: Body) -> Any:
    """A body as coroutines send it."""
    if body is None or isinstance(body, bytes):
        return body

    async def steps() -> AsyncIterator[bytes]:
        for step in body:
            yield step

    return steps()


class AsyncHttpx(AsyncClient):
    """The same as `Httpx`, in coroutines."""

    name = "httpx async"
    integrations = ("httpcore",)
    refusal = "All connection attempts failed"
    features = frozenset(("keeps", "redirects"))

    async def begin(self) -> None:
        self.client = self.made()

    def made(self, **kwargs: Any) -> httpx.AsyncClient:
        """A client that looks for no proxy by itself."""
        return httpx.AsyncClient(
            timeout=self.timeout, follow_redirects=True, trust_env=False, limits=LIMITS, **kwargs
        )

    async def end(self) -> None:
        await self.client.aclose()

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        response = self.run(
            self.client.request(method, url, content=_in_steps(body), headers=headers)
        )
        return Answer(response.status_code, response.content)

    def open(self, url: str) -> Opened:
        request = self.client.build_request("GET", url)
        response = self.run(self.client.send(request, stream=True))
        return self.opened(response.aiter_bytes(STEP), response.aclose)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        async def get() -> Answer:
            async with self.made(proxy=proxy) as client:
                response = await client.get(url)
                return Answer(response.status_code, response.content)

        return self.run(get())


class AsyncHttpcore(AsyncClient):
    """The same as `Httpcore`, in coroutines."""

    name = "httpcore async"
    integrations = ("httpcore",)
    refusal = "All connection attempts failed"
    features = frozenset(("keeps",))

    async def begin(self) -> None:
        self.pool = httpcore.AsyncConnectionPool(max_connections=None)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self.timeout)
        self.extensions = {"timeout": timeouts}

    async def end(self) -> None:
        await self.pool.aclose()

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        response = self.run(
            self.pool.request(
                method,
                url,
                headers=list((headers or {}).items()),
                content=_in_steps(body),
                extensions=self.extensions,
            )
        )
        return Answer(response.status, response.content)

    def open(self, url: str) -> Opened:
        request = httpcore.Request("GET", url, headers={"Host": urlsplit(url).netloc})
        response = self.run(self.pool.handle_async_request(request))
        return self.opened(response.aiter_stream(), response.aclose)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        async def get() -> Answer:
            async with httpcore.AsyncHTTPProxy(proxy) as pool:
                response = await pool.request("GET", url)
                return Answer(response.status, response.content)

        return self.run(get())


class Aiohttp(AsyncClient):
    """A session."""

    name = "aiohttp"
    integrations = ("aiohttp_client",)
    refusal = "Cannot connect to host"
    features = frozenset(("keeps", "redirects"))

    async def begin(self) -> None:
        timeout = aiohttp.ClientTimeout(sock_connect=self.timeout, sock_read=self.timeout)
        self.session = aiohttp.ClientSession(timeout=timeout)

    async def end(self) -> None:
        await self.session.close()

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        return self.run(self._send(method, url, data=_in_steps(body), headers=headers))

    async def _send(self, method: str, url: str, **kwargs: Any) -> Answer:
        # As it is: what is signed must not be quoted anew.
        async with self.session.request(method, URL(url, encoded=True), **kwargs) as response:
            return Answer(response.status, await response.read())

    def open(self, url: str) -> Opened:
        async def get() -> aiohttp.ClientResponse:
            return await self.session.get(url)

        response = self.run(get())

        async def close() -> None:
            response.close()

        return self.opened(response.content.iter_chunked(STEP).__aiter__(), close)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        return self.run(self._send("GET", url, proxy=proxy))


class Tornado(AsyncClient):
    """Tornado's own client, which keeps no connection."""

    name = "tornado"
    integrations = ("tornado_client",)
    features = frozenset(("redirects",))
    opens = False
    implementation: type[AsyncHTTPClient] = SimpleAsyncHTTPClient

    async def begin(self) -> None:
        self.client = self.implementation(force_instance=True)

    async def end(self) -> None:
        self.client.close()

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        return self.run(self._send(url, method=method, headers=headers, **_produced(body)))

    async def _send(self, url: str, **kwargs: Any) -> Answer:
        response = await self.client.fetch(
            url,
            raise_error=False,
            request_timeout=self.timeout,
            allow_nonstandard_methods=True,
            **kwargs,
        )
        if response.code == 599:
            response.rethrow()
        return Answer(response.code, response.body)

    def open(self, url: str) -> Opened:
        pytest.skip("Tornado hands a response over when all of it is there")

    def by_proxy(self, proxy: str, url: str) -> Answer:
        pytest.skip("Tornado's own client knows no proxies")


class TornadoCurl(Tornado):
    """Tornado's client on libcurl, which follows redirects where nobody sees it."""

    name = "tornado curl"
    refusal = "connect to"
    features = frozenset(("keeps",))
    implementation = CurlAsyncHTTPClient

    def send(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: Body = None,
    ) -> Answer:
        if body is not None and not isinstance(body, bytes):
            pytest.skip("on libcurl Tornado takes a body at once")
        return super().send(url, headers, method, body)

    def by_proxy(self, proxy: str, url: str) -> Answer:
        parts = urlsplit(proxy)
        return self.run(self._send(url, proxy_host=parts.hostname, proxy_port=parts.port))


def _produced(body: Body) -> dict[str, Any]:
    """A body as Tornado takes it: at once, or by a function that writes it step by step."""
    if body is None or isinstance(body, bytes):
        return {"body": body}

    async def produce(write: Any) -> None:
        for chunk in body:
            await write(chunk)

    return {"body_producer": produce}


CLIENTS: tuple[type[Client], ...] = (
    *(Urllib3, Requests, HttpClient, UrllibRequest, Botocore),
    *(Httpx, AsyncHttpx, Httpcore, AsyncHttpcore, Aiohttp, Tornado, TornadoCurl),
)


def those_that(feature: str) -> pytest.MarkDecorator:
    """Runs a test only with the clients that do this by themselves."""
    chosen = [client for client in CLIENTS if feature in client.features]
    return pytest.mark.parametrize(
        "client", chosen, ids=[client.name for client in chosen], indirect=True
    )
