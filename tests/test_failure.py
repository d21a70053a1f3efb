"""Exceptions in Envoy's response flags."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from collections.abc import Callable

import aiohttp
import httpcore
import httpx
import pytest
import urllib3.exceptions

from autotrace.failure import classify

# aiohttp before 3.10 has one class for both.
READ_TIMEOUT = getattr(aiohttp, "SocketTimeoutError", aiohttp.ServerTimeoutError)
CONNECT_TIMEOUT = getattr(aiohttp, "ConnectionTimeoutError", aiohttp.ServerTimeoutError)


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def hidden(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    error.__suppress_context__ = True
    return error


class OddError(Exception):
    """Of a library that nobody knows."""


CASES = [
    (ConnectionRefusedError(111, "refused"), False, ("UF",)),
    (TimeoutError("timed out"), False, ("UF",)),
    (TimeoutError("timed out"), True, ("UT",)),
    (socket.gaierror(-2, "unknown"), False, ("UF", "DF")),
    (caused(OddError("x"), socket.gaierror(-2, "unknown")), False, ("UF", "DF")),
    (ssl.SSLCertVerificationError("bad"), False, ("UF",)),
    (OSError(113, "No route to host"), False, ("UF",)),
    (ConnectionResetError(104, "reset"), True, ("UC",)),
    (ConnectionResetError(104, "reset"), False, ("UF",)),
    (http.client.RemoteDisconnected("closed"), True, ("UC",)),
    (http.client.IncompleteRead(b"1", 3), True, ("UC",)),
    (http.client.BadStatusLine("x"), True, ("UPE",)),
    (urllib3.exceptions.ReadTimeoutError(None, "/", "read"), True, ("UT",)),  # type: ignore[arg-type]
    (urllib3.exceptions.ConnectTimeoutError(None, "connect"), True, ("UF",)),
    (OddError("x"), True, ()),
    (urllib3.exceptions.EmptyPoolError(None, "full"), False, ("UO",)),  # type: ignore[arg-type]
    (caused(TimeoutError("late"), asyncio.CancelledError()), True, ("UT",)),
    (hidden(httpcore.ConnectError("x"), socket.gaierror(-2, "unknown")), False, ("UF", "DF")),
    (hidden(OddError("x"), socket.gaierror(-2, "unknown")), False, ()),
    (httpcore.ConnectTimeout("late"), True, ("UF",)),
    (httpcore.PoolTimeout("full"), False, ("UO",)),
    (httpx.ReadTimeout("late"), True, ("UT",)),
    (httpcore.WriteError("x"), True, ("UC",)),
    (httpcore.RemoteProtocolError("Server disconnected without sending"), True, ("UC",)),
    (httpcore.RemoteProtocolError("<StreamReset stream_id:1>"), True, ("UR",)),
    (httpcore.RemoteProtocolError("<ConnectionTerminated error_code:0>"), True, ("UC",)),
    (httpcore.RemoteProtocolError("illegal status line"), True, ("UPE",)),
    (aiohttp.ServerDisconnectedError(), True, ("UC",)),
    (READ_TIMEOUT("late"), True, ("UT",)),
    (CONNECT_TIMEOUT("late"), False, ("UF",)),
    (aiohttp.ClientPayloadError("cut"), True, ("UC",)),
    (aiohttp.ClientOSError(104, "reset"), True, ("UC",)),
    (asyncio.CancelledError(), True, ("LR",)),
    (KeyboardInterrupt(), False, ("LR",)),
]


@pytest.mark.parametrize(("error", "connected", "flags"), CASES, ids=lambda v: repr(v)[:40])
def test_flags(error: BaseException, connected: bool, flags: tuple[str, ...]) -> None:
    assert classify(error, connected).flags == flags


def test_what_its_caller_gave_up_is_canceled_and_has_no_reason() -> None:
    failure = classify(asyncio.CancelledError("shutdown"), True)
    assert (failure.canceled, failure.reason) == (True, "")
    assert not classify(TimeoutError(), True).canceled


def test_the_reason_names_the_error_and_is_cut() -> None:
    assert classify(ValueError("no"), True).reason == "ValueError: no"
    assert classify(ValueError(), True).reason == "ValueError"
    assert len(classify(ValueError("x" * 9999), True).reason) < 300


def test_a_suppressed_context_does_not_count() -> None:
    try:
        try:
            raise socket.gaierror(-2, "unknown")
        except OSError:
            raise OddError("x") from None
    except OddError as error:
        assert classify(error, True).flags == ()


def test_a_chain_that_bites_its_tail_ends() -> None:
    error = OddError("x")
    error.__cause__ = error
    assert classify(error, True).flags == ()


def refuse() -> None:
    raise ConnectionRefusedError(111, "refused")


def fail_late() -> None:
    """As libraries do: one error out of another."""
    try:
        raise TimeoutError("late")
    except OSError:
        raise OddError("x")  # noqa: B904 - only the context says why


def classified(exchange: Callable[[], None]) -> tuple[str, ...]:
    """The flags that whoever stands around an exchange finds."""
    try:
        exchange()
    except OddError as error:
        return classify(error, True).flags
    raise AssertionError("it does not fail")


def test_what_the_program_was_handling_before_does_not_count() -> None:
    """It calls another service because the first one has failed."""
    assert classified(fail_late) == ("UT",)
    try:
        refuse()
    except ConnectionRefusedError:
        assert classified(fail_late) == ("UT",)


def test_what_a_coroutine_was_handling_before_does_not_count() -> None:
    async def late() -> None:
        await asyncio.sleep(0)
        fail_late()

    async def exchange() -> tuple[str, ...]:
        try:
            await late()
        except OddError as error:
            return classify(error, True).flags
        raise AssertionError("it does not fail")

    async def main() -> None:
        try:
            refuse()
        except ConnectionRefusedError:
            assert await exchange() == ("UT",)

    asyncio.run(main())
