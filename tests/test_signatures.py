"""Which requests are signed."""

from __future__ import annotations

import pytest

from autotrace.signatures import is_signed

PLAIN = "get /x http/1.1\nhost: h"


@pytest.mark.parametrize(
    "head",
    [
        f"{PLAIN}\nauthorization: aws4-hmac-sha256 credential=a",
        f"{PLAIN}\nauthorization: aws4-ecdsa-p256-sha256 credential=a",
        f"{PLAIN}\nauthorization: aws akid:signature",
        f"{PLAIN}\nauthorization: goog4-rsa-sha256 credential=a",
        f"{PLAIN}\nauthorization: sharedkey account:signature",
        "get /x?x-amz-algorithm=a&x-amz-signature=abc http/1.1\nhost: h",
        "get /x?x-goog-signature=abc http/1.1\nhost: h",
        "get /x?expires=1&signature=abc&key-pair-id=k http/1.1\nhost: h",
        "get /x?sv=2020&sig=abc http/1.1\nhost: h",
    ],
)
def test_signed(head: str) -> None:
    assert is_signed(head)


@pytest.mark.parametrize(
    "head",
    [
        PLAIN,
        f"{PLAIN}\nauthorization: bearer aws4-",
        f"{PLAIN}\nx-note: authorization: aws4-",
        "get /signature?design=1 http/1.1\nhost: h",
        "get /x http/1.1\nreferer: http://h/?sig=1",
    ],
)
def test_not_signed(head: str) -> None:
    assert not is_signed(head)
