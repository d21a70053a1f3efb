"""Requests whose sender has signed them: nothing is added to what may be part of the signature."""

from __future__ import annotations

# Signature Version 4 and its regional form (AWS), HMAC schemes of Google and Azure storage.
_AUTHORIZATION = (
    "\nauthorization: aws4-",
    "\nauthorization: goog4-",
    "\nauthorization: aws ",
    "\nauthorization: sharedkey",
)
# Presigned URLs: X-Amz-Signature, X-Goog-Signature, S3 and CloudFront's Signature, Azure's sig.
_QUERY = ("x-amz-signature=", "x-goog-signature=", "&signature=", "?signature=", "&sig=", "?sig=")


def is_signed(head: str) -> bool:
    """Whether a request's head (lower-case, a line a header, the request line first) is signed."""
    if "\nauthorization: " in head and any(scheme in head for scheme in _AUTHORIZATION):
        return True
    line = head.partition("\n")[0]
    return "sig" in line and any(key in line for key in _QUERY)
