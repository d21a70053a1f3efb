"""Google's metadata server: who a machine or a pod of its cloud is, and its access token.

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

import json
import os
from time import monotonic
from typing import TYPE_CHECKING

from autotrace.export.attempts import attempt
from autotrace.export.sender import Answer, Sender

if TYPE_CHECKING:
    from autotrace.export.receiver import Patience

# As Google's own libraries read it.
HOST = "GCE_METADATA_HOST"
TOKEN = "instance/service-accounts/default/token"
PROJECT = "project/project-id"
_OK = 200
_SERVERS_FAULT = 500
# A token that ends on its way is no token.
_BEFORE_ITS_END = 60.0


class NoAnswer(Exception):
    """The server does not say it; the reason is in words."""


def read(path: str, patience: Patience) -> bytes:
    """What the server says; asked again, since in a new pod it is there some seconds later."""
    host = os.environ.get(HOST) or "metadata.google.internal"
    sender = Sender(
        f"http://{host}/computeMetadata/v1/{path}",
        {"Metadata-Flavor": "Google"},
        5.0,
        compress=False,
    )
    answer = attempt(sender.get, _again, patience)
    sender.close()
    if answer.status != _OK:
        said = f"answered {answer.status}" if answer.status else answer.problem
        raise NoAnswer(f"{sender.address}: {said}")
    return answer.body


def _again(answer: Answer) -> bool:
    return not answer.status or answer.status >= _SERVERS_FAULT


class MetadataToken:
    """The token of the machine's service account, kept until shortly before its end."""

    def __init__(self) -> None:
        self._token = ""
        self._ends = 0.0

    def get(self, patience: Patience) -> str:
        """A token that is valid now; raises NoAnswer."""
        if monotonic() >= self._ends:
            body = read(TOKEN, patience)
            try:
                found = json.loads(body)
                self._token = str(found["access_token"])
                self._ends = monotonic() + float(found["expires_in"]) - _BEFORE_ITS_END
            except (ValueError, KeyError, TypeError) as error:
                raise NoAnswer(f"the metadata server's token cannot be read: {error!r}") from None
        return self._token
