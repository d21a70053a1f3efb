"""The agent's faults are counted, said once and kept from the application."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from autotrace import guard


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(guard, "_sites", {})
    monkeypatch.setattr(guard, "_switched_off", set())
    monkeypatch.setattr(guard, "_said", {})
    monkeypatch.setattr(guard, "_level", 30)
    yield


def fail(site: guard.Site, error: BaseException) -> None:
    try:
        raise error
    except BaseException as caught:
        guard.failed(site, caught)


def test_a_site_is_made_once() -> None:
    assert guard.site("flask:before") is guard.site("flask:before")


def test_a_failure_is_said_once_a_site(capfd: pytest.CaptureFixture[str]) -> None:
    site = guard.site("flask:before")
    fail(site, KeyError("route"))
    fail(site, KeyError("route"))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("autotrace: flask:before failed, the program goes on: KeyError: 'route'")
    assert "(test_guard.py:" in err
    assert err.count("\n") == 1
    assert site.failures == 2


def test_ten_failures_switch_the_integration_off(capfd: pytest.CaptureFixture[str]) -> None:
    before, after, other = map(guard.site, ("flask:before", "flask:after", "urllib3:before"))
    off = []
    for _ in range(10):
        fail(before, ValueError())
        off.append((before.off, after.off))
    assert off == [(False, False)] * 9 + [(True, True)]
    assert guard.site("flask:later").off
    assert not other.off
    assert "flask is off after 10 failures" in capfd.readouterr().err


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_error_without_readable_text_is_noted() -> None:
    site = guard.site("x")
    fail(site, Unreadable())
    assert site.error.startswith("Unreadable: its message cannot be read")


def test_no_traceback_is_kept() -> None:
    site = guard.site("x")
    fail(site, ValueError("y"))
    assert all(isinstance(getattr(site, slot), (str, int)) for slot in guard.Site.__slots__)


@pytest.mark.parametrize(
    ("level", "said"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1), ("off", 0), ("nonsense", 2)],
)
def test_levels(level: str, said: int, capfd: pytest.CaptureFixture[str]) -> None:
    guard.set_level(level)
    for each in ("debug", "info", "warning", "error"):
        guard.log(each, each)
    assert capfd.readouterr().err.count("autotrace: ") == said


def test_a_message_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    guard.log("error", "two\nlines \udcff")
    assert capfd.readouterr().err == "autotrace: two lines \\udcff\n"


@pytest.mark.parametrize("stream", [None, io.StringIO(), object()])
def test_a_replaced_stderr_is_not_written_to(
    stream: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "__stderr__", None)
    guard.log("error", "nobody hears this")
    assert not isinstance(stream, io.StringIO) or stream.getvalue() == ""


def test_log_once(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for now[0] in (0.0, 10.0, 299.0, 300.0):
        guard.log_once("once", "error", "once")
        guard.log_once("often", "error", "often", every=300)
    assert capfd.readouterr().err.split() == [
        "autotrace:", "once", "autotrace:", "often", "autotrace:", "often",
    ]  # fmt: skip


def test_status_lists_sites_by_name() -> None:
    guard.site("b")
    guard.site("a")
    assert [site.name for site in guard.status()] == ["a", "b"]


def test_strict_ends_the_process_with_70_and_the_reason() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "print('out'); from autotrace import guard; guard.die('why')"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (70, "out\n", "autotrace: why\n")
