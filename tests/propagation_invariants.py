"""What holds for everything that a format reads or writes, whatever was sent to it."""

from __future__ import annotations

from autotrace.propagation import Incoming, acceptable

_HEX = frozenset("0123456789abcdef")
# Formats in which a trace may be named without a span of it.
WITHOUT_SPAN = frozenset(("cloudtrace", "datadog", "xray"))


def check_incoming(incoming: Incoming | None, format: str) -> None:
    """Fails unless there is nothing, or only a sampling wish, or a well-formed span."""
    if incoming is None:
        return
    assert incoming.format == format, incoming
    assert incoming.sampled in (None, 0, 1, 2), incoming
    assert incoming.random in (False, True), incoming
    assert acceptable(incoming.tracestate), incoming
    if not incoming.trace_id:
        assert not (incoming.span_id or incoming.parent_id or incoming.tracestate), incoming
        assert incoming.sampled is not None, incoming
        return
    assert is_id(incoming.trace_id, 16, 32), incoming
    if incoming.span_id or format not in WITHOUT_SPAN:
        assert is_id(incoming.span_id, 16), incoming
    # Nothing hangs on it, so it may be zeros.
    parent_id = incoming.parent_id
    assert not parent_id or (len(parent_id) == 16 and _HEX.issuperset(parent_id)), incoming


def check_pairs(pairs: tuple[tuple[str, str], ...], headers: tuple[str, ...]) -> None:
    """Fails unless a format writes headers of its own, each once, with values fit for sending."""
    names = [name for name, _ in pairs]
    assert set(names) <= set(headers), pairs
    assert len(set(names)) == len(names), pairs
    assert all(acceptable(value) for _, value in pairs), pairs


def is_id(text: str, *lengths: int) -> bool:
    """Whether this is an id of one of these lengths: lower-case hex, and not only zeros."""
    return len(text) in lengths and _HEX.issuperset(text) and bool(text.strip("0"))
