"""The clients: a driver sends a request the way the users of its library do.

`send` is a whole exchange, `open` leaves the body of the response unread. Exceptions are the
library's own.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import botocore.httpsession
import pytest
import requests
import urllib3
from botocore.awsrequest import AWSPreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

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
    """A driver; `features` are what its library does by itself."""

    name: str
    features: frozenset[str] = frozenset()

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


CLIENTS = (Urllib3, Requests, HttpClient, UrllibRequest, Botocore)


def those_that(feature: str) -> pytest.MarkDecorator:
    """Runs a test only with the clients that do this by themselves."""
    chosen = [client for client in CLIENTS if feature in client.features]
    return pytest.mark.parametrize(
        "client", chosen, ids=[client.name for client in chosen], indirect=True
    )
