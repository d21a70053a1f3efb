"""Google Cloud Trace: its REST API, by the project's name and an access token.

https://cloud.google.com/trace/docs/reference/v2/rest/v2/projects.traces/batchWrite
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from autotrace.export import google_metadata
from autotrace.export.cloud_trace import CONTENT_TYPE, encoder
from autotrace.export.google_metadata import MetadataToken, NoAnswer
from autotrace.export.http_receiver import HttpReceiver
from autotrace.export.receiver import Outcome, Patience
from autotrace.export.sender import Sender
from autotrace.export.unavailable import Unavailable

if TYPE_CHECKING:
    from autotrace.config import Config
    from autotrace.export.receiver import Receiver
    from autotrace.export.resource import Resource
    from autotrace.span import Span

RETRIED = frozenset({429, 500, 503, 504})
LIMIT = 4_000_000


class Token(Protocol):
    """Where the access token comes from."""

    def get(self, patience: Patience) -> str:
        """A token that is valid now; raises NoAnswer."""
        ...


class StatedToken:
    """The token that the user has stated."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get(self, patience: Patience) -> str:
        """The same one every time."""
        return self._token


class CloudTrace:
    """Sends spans once project and token are known; without them they are lost, and it is said."""

    def __init__(self, config: Config, resource: Resource, token: Token) -> None:
        self._endpoint = config.gcp_endpoint.rstrip("/")
        self._timeout = config.gcp_timeout
        self._project = config.gcp_project
        self._resource = resource
        self._token = token
        self._authorization: dict[str, str] = {}
        self._receiver: HttpReceiver | None = None

    def deliver(self, spans: Sequence[Span], patience: Patience) -> Outcome:
        """Sends the spans, in as many requests as their size needs."""
        try:
            self._authorization = {"Authorization": f"Bearer {self._token.get(patience)}"}
            receiver = self._opened(patience)
        except NoAnswer as error:
            return Outcome(failed=len(spans), problem=str(error))
        return receiver.deliver(spans, patience)

    def close(self) -> None:
        """Closes the connection."""
        if self._receiver is not None:
            self._receiver.close()

    def _opened(self, patience: Patience) -> HttpReceiver:
        if self._receiver is None:
            if not self._project:
                self._project = google_metadata.read(google_metadata.PROJECT, patience).decode()
            url = f"{self._endpoint}/v2/projects/{self._project}/traces:batchWrite"
            self._receiver = HttpReceiver(
                Sender(url, {}, self._timeout, compress=False),
                encoder(self._project),
                self._resource,
                CONTENT_TYPE,
                RETRIED,
                LIMIT,
                headers=self._headers,
            )
        return self._receiver

    def _headers(self, spans: Sequence[Span]) -> Mapping[str, str]:
        return self._authorization


def open_receiver(config: Config, resource: Resource) -> Receiver:
    """Google Cloud Trace, with the configured credentials or else the machine's own."""
    if config.gcp_token:
        return CloudTrace(config, resource, StatedToken(config.gcp_token))
    if not config.gcp_credentials:
        return CloudTrace(config, resource, MetadataToken())
    try:
        from autotrace.export.google_credentials import CredentialsToken
    except ImportError as error:
        return Unavailable(
            f"{config.gcp_credentials} needs google-auth ({error}); pip install google-auth, or "
            "set AUTOTRACE_GCP_TOKEN"
        )
    return CloudTrace(config, resource, CredentialsToken(config.gcp_credentials))
