"""Which headers the configured names and tags are made of."""

from __future__ import annotations

from typing import Any

from autotrace.wanted_headers import Wanted, wanted


def test_without_formats_and_tags_none_is_wanted() -> None:
    assert wanted(["", ""], []) == Wanted((), (), ())


def test_formats_and_tags_want_theirs() -> None:
    formats = ["%REQ(X-A?:PATH)% %RESP(X-R)%", "", "%REQ(x-a)% %TRAILER(X-T)%"]
    entries: list[dict[str, Any]] = [
        {"tag": "t", "request_header": {"name": "X-B"}},
        {"tag": "u", "request_header": {"name": "User-Agent"}},
        {"tag": "v", "value": "%REQ(x-c)%%RESP(X-S?X-R)%"},
        {"tag": "w", "literal": {"value": "%REQ(x-d)%"}},
    ]
    assert wanted(formats, entries) == Wanted(("x-b", "x-c", "x-a"), ("x-r", "x-s"), ("x-t",))
