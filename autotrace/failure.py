"""Why a call failed, in Envoy's response flags, read from the exception and those behind it."""

from __future__ import annotations

import errno
from collections.abc import Set
from types import FrameType

from autotrace.facts import (
    CONNECTION_FAILURE,
    CONNECTION_TERMINATION,
    DNS_FAILURE,
    LOCAL_RESET,
    POOL_OVERFLOW,
    PROTOCOL_ERROR,
    REMOTE_RESET,
    TIMEOUT,
    Failure,
)

# By name, since the classes live in libraries that may not be loaded. Standard ones first.
_CANCELED = frozenset(
    (
        "CancelledError",
        "GeneratorExit",
        "KeyboardInterrupt",
        "SystemExit",
        "GreenletExit",
        # trio's
        "Cancelled",
    )
)
_OVERFLOW = frozenset(("EmptyPoolError", "PoolTimeout"))
_DNS = frozenset(("gaierror", "herror", "NameResolutionError", "ClientConnectorDNSError"))
_CONNECT = frozenset(
    (
        "ConnectionRefusedError",
        "NewConnectionError",
        "ConnectTimeoutError",
        "SSLError",
        "SSLCertVerificationError",
        "CertificateError",
        "ProxyError",
        # httpcore, httpx
        "ConnectError",
        "ConnectTimeout",
        # aiohttp
        "ClientConnectorError",
        "ClientHttpProxyError",
        "ConnectionTimeoutError",
        "ServerFingerprintMismatch",
    )
)
_TERMINATED = frozenset(
    (
        "RemoteDisconnected",
        "ConnectionResetError",
        "ConnectionAbortedError",
        "BrokenPipeError",
        "IncompleteRead",
        "SSLEOFError",
        "SSLZeroReturnError",
        # httpcore, httpx
        "ReadError",
        "WriteError",
        # aiohttp
        "ClientPayloadError",
        "ServerDisconnectedError",
        # Tornado
        "StreamClosedError",
        "HTTPStreamClosedError",
    )
)
_TIMEOUT = frozenset(
    (
        "TimeoutError",
        "timeout",
        "ReadTimeout",
        "WriteTimeout",
        "ServerTimeoutError",
        # Tornado
        "HTTPTimeoutError",
    )
)
_PROTOCOL = frozenset(
    (
        "BadStatusLine",
        "LineTooLong",
        "UnknownProtocol",
        "InvalidChunkLength",
        # h11, httpcore, httpx
        "LocalProtocolError",
        # aiohttp
        "HttpProcessingError",
        "InvalidHandshake",
    )
)
# How httpcore and h11 say in words what they have one class for.
_PEER_GONE = ("disconnected", "closed connection", "ConnectionTerminated")
_PEER_RESET = "StreamReset"
_UNREACHABLE = frozenset(
    (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENOENT, errno.EACCES)
)
_LONGEST_REASON = 256


def classify(error: BaseException, connected: bool) -> Failure:
    """The flags for a failed exchange; `connected` says whether a connection stood."""
    # Only the exception itself: a timeout is often raised out of the cancellation that it caused.
    if not _CANCELED.isdisjoint([kind.__name__ for kind in type(error).__mro__]):
        return Failure((LOCAL_RESET,), "", canceled=True)
    return Failure(_flags(error, connected), reason(error))


def _flags(error: BaseException, connected: bool) -> tuple[str, ...]:
    chain = _chain(error)
    names = {kind.__name__ for cause in chain for kind in type(cause).__mro__}
    if names & _OVERFLOW:
        return (POOL_OVERFLOW,)
    if names & _DNS:
        return (CONNECTION_FAILURE, DNS_FAILURE)
    # RemoteDisconnected is a BadStatusLine and a ConnectionResetError at once.
    if connected and names & _TERMINATED:
        return (CONNECTION_TERMINATION,)
    if names & _CONNECT:
        return (CONNECTION_FAILURE,)
    if names & _TIMEOUT:
        # Envoy reports a connect timeout as a connection failure.
        return (TIMEOUT,) if connected else (CONNECTION_FAILURE,)
    if "RemoteProtocolError" in names:
        return _told_in_words([words(cause) for cause in chain])
    if names & _PROTOCOL:
        return (PROTOCOL_ERROR,)
    if names & _TERMINATED:
        return (CONNECTION_FAILURE,)
    if any(isinstance(e, OSError) and e.errno in _UNREACHABLE for e in chain):
        return (CONNECTION_FAILURE,)
    if "OSError" in names:
        return (CONNECTION_TERMINATION,) if connected else (CONNECTION_FAILURE,)
    return ()


def _told_in_words(told: list[str]) -> tuple[str, ...]:
    if any(_PEER_RESET in text for text in told):
        return (REMOTE_RESET,)
    if any(sign in text for text in told for sign in _PEER_GONE):
        return (CONNECTION_TERMINATION,)
    return (PROTOCOL_ERROR,)


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    around = _frames_around(error)
    following: BaseException | None = error
    while following is not None and len(chain) < 8:
        chain.append(following)
        following = following.__cause__ or _context(following, around)
    return chain


def _context(error: BaseException, around: Set[FrameType]) -> BaseException | None:
    """What was being handled when this was raised, unless that happened before the exchange."""
    # httpcore's pool raises on `from None`, so that only the context still says what happened.
    if error.__suppress_context__ and type(error).__module__ != "httpcore":
        return None
    context = error.__context__
    if context is None or context.__traceback__ is None:
        return context
    # A program that calls somebody else because a call has failed: who handles that error is
    # whoever has called us.
    return None if context.__traceback__.tb_frame in around else context


def _frames_around(error: BaseException) -> Set[FrameType]:
    """The frames that have called the one in which an error has arrived."""
    traceback = error.__traceback__
    frame = None if traceback is None else traceback.tb_frame.f_back
    around = set()
    while frame is not None:
        around.add(frame)
        frame = frame.f_back
    return around


def reason(error: BaseException) -> str:
    """The exception in words: its class, and its message as far as it is short."""
    text = words(error)
    name = type(error).__name__
    return f"{name}: {text[:_LONGEST_REASON]}" if text else name


def words(error: BaseException) -> str:
    """An exception's message; what it raises when asked for it stays here."""
    try:
        return str(error)
    except Exception:
        return ""
