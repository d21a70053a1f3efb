"""Bytes in text headers: base64, in all the spellings that peers write it.

https://www.rfc-editor.org/rfc/rfc4648#section-4, and for padding over gRPC
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from autotrace.propagation.values import MAX_LENGTH

# The alphabet for addresses and file names, which some libraries write everywhere.
_STANDARD = str.maketrans("-_", "+/")


def decode(text: str) -> bytes:
    """The bytes that `text` stands for, padded or not, in either alphabet; else nothing."""
    if len(text) > MAX_LENGTH:
        return b""
    digits = text.rstrip("=")
    if "-" in digits or "_" in digits:
        digits = digits.translate(_STANDARD)
    try:
        data = a2b_base64(digits + "==")
    except ValueError:
        return b""
    # Python skips what is no digit; only the text that would be written for these bytes counts.
    return data if encode(data) == digits else b""


def encode(data: bytes) -> str:
    """Base64 without padding, as gRPC wants it."""
    return padded(data).rstrip("=")


def padded(data: bytes) -> str:
    """Base64 with padding."""
    return b2a_base64(data, newline=False).decode("ascii")
