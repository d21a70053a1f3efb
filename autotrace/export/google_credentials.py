"""Access tokens by a file of credentials, which google-auth reads; our own sender fetches them.

https://google-auth.readthedocs.io/en/stable/reference/google.auth.transport.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import google.auth.exceptions

from autotrace.export.google_metadata import NoAnswer
from autotrace.export.sender import Sender

if TYPE_CHECKING:
    from autotrace.export.receiver import Patience

# Only a part of it is typed.
exceptions: Any = google.auth.exceptions
SCOPES = ("https://www.googleapis.com/auth/trace.append",)
_TIMEOUT = 10.0


class Response(NamedTuple):
    """An answer as google-auth wants it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class CredentialsToken:
    """The token of the credentials in a file; google-auth knows how long it is valid."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._credentials: Any = None

    def get(self, patience: Patience) -> str:
        """A token that is valid now; raises NoAnswer."""
        try:
            if self._credentials is None:
                self._credentials = _load(self._file)
            if not self._credentials.valid:
                self._credentials.refresh(_post_within(patience.left()))
        except (exceptions.GoogleAuthError, OSError, ValueError, KeyError) as error:
            raise NoAnswer(f"{self._file}: {error}") from None
        return str(self._credentials.token)


def _load(file: str) -> Any:
    """The credentials, by the three types of files; the function for all of them warns."""
    with open(file, encoding="utf-8") as opened:
        info = json.load(opened)
    kind = info.get("type") if isinstance(info, dict) else None
    if kind == "service_account":
        from google.oauth2 import service_account

        made: Any = service_account.Credentials.from_service_account_info
    elif kind == "authorized_user":
        from google.oauth2 import credentials

        made = credentials.Credentials.from_authorized_user_info
    elif kind == "external_account":
        from google.auth import identity_pool

        made = identity_pool.Credentials.from_info
    else:
        raise ValueError(f"credentials of the type {kind} cannot be used")
    return made(info, scopes=SCOPES)


def _post_within(seconds: float) -> Any:
    """What google-auth makes its requests by."""

    def request(
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **others: object,
    ) -> Response:
        sender = Sender(url, headers or {}, min(timeout or _TIMEOUT, _TIMEOUT), compress=False)
        answer = sender.send(method, body, seconds)
        sender.close()
        if not answer.status:
            raise exceptions.TransportError(answer.problem)
        return Response(answer.status, {}, answer.body)

    return request
