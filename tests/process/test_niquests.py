"""niquests, in an environment of its own: urllib3.future below it takes urllib3's place.

The environment is made once, below `.cache/`, and sees the packages of this one behind its own.
"""

from __future__ import annotations

import site
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import upstream as upstreams
from tests.contract.upstream import Upstream
from tests.process.processes import ROOT, Run
from tests.process.programs import spans_in

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROGRAM = f"""
import asyncio, sys
import niquests, urllib3
from flask import Flask

URL, way, flag = sys.argv[1:]
assert urllib3.__version__.split(".")[2] >= "900", "it is the original"
MINE = {{"X-Mine": "1", "TraceParent": f"00-{TRACE}-{PARENT}-{{flag}}"}}
app = Flask("shop")

def get():
    return niquests.get(URL, headers=MINE).text

def session():
    with niquests.Session() as session:
        return session.get(URL).text + session.post(URL, data=b"body").text

def multiplexed():
    with niquests.Session(multiplexed=True) as session:
        answers = [session.get(URL), session.get(URL)]
        session.gather()
        return "".join(answer.text for answer in answers)

def streamed():
    with niquests.get(URL, stream=True) as answer:
        return b"".join(answer.iter_content(2)).decode()

def pool():
    return urllib3.PoolManager().request("GET", URL).data.decode()

def coroutine():
    async def get():
        async with niquests.AsyncSession() as session:
            return (await session.get(URL)).text
    return asyncio.run(get())

def error():
    try:
        niquests.get(URL, timeout=1)
    except niquests.exceptions.RequestException as error:
        return type(error).__name__

@app.get("/")
def index():
    answer = globals()[way]()
    return f"{{answer}} {{MINE}}"

headers = {{**MINE, "x-request-id": "order-7", "baggage": "user=alice"}}
before = str(MINE)
print(app.test_client().get("/", headers=headers).text.replace(" " + before, ""))
"""


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that has niquests."""
    folder = ROOT / ".cache" / f"niquests-{sys.version_info[0]}.{sys.version_info[1]}"
    found = str(folder / "bin" / "python")
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        install = [found, "-m", "pip", "install", "-q", "niquests>=3"]
        try:
            subprocess.run(install, check=True, capture_output=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"niquests cannot be installed: {error}")
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "behind.pth").write_text("\n".join(site.getsitepackages()))
        (folder / "complete").touch()
    return found


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstreams.serving() as server:
        yield server


Outcome = tuple[str, list[dict[str, Any]]]


def outcome(
    python: str, launch: Run, folder: Path, url: str, way: str, flag: str = "01", **more: str
) -> Outcome:
    """What the program says, and the client spans that it made."""
    (folder / "app.py").write_text(PROGRAM)
    variables = {
        "AUTOTRACE_EXPORTER": "jsonl",
        "AUTOTRACE_JSONL_ENDPOINT": str(folder / "spans"),
        **more,
    }
    done = launch([python, "app.py", url, way, flag], variables)
    assert done.stderr == ""
    spans = spans_in(folder / "spans")
    servers = {span["span_id"] for span in spans if span["kind"] == "server"}
    clients = [span for span in spans if span["kind"] == "client"]
    assert {span["parent_id"] for span in clients} <= servers
    assert len(servers) == (flag == "01" and "AUTOTRACE_MODE" not in more)
    return done.stdout.strip(), clients


WAYS = {
    "get": 1,
    "session": 2,
    "multiplexed": 2,
    "streamed": 1,
    "pool": 1,
    "coroutine": 1,
}


@pytest.mark.parametrize("way", WAYS)
def test_each_exchange_is_a_child_with_its_headers(
    way: str, python: str, launch: Run, tmp_path: Path, upstream: Upstream
) -> None:
    said, clients = outcome(python, launch, tmp_path, upstream.url(), way)
    assert said == "hello" * WAYS[way]
    arrivals = upstream.wait(WAYS[way])
    assert [arrival.span for arrival in arrivals] == [(TRACE, s["span_id"]) for s in clients]
    for arrival, span in zip(arrivals, clients, strict=True):
        assert arrival.value("x-request-id") == "order-7"
        assert arrival.value("baggage") == "user=alice"
        assert span["tags"]["http.status_code"] == "200"
        assert span["tags"]["http.protocol"] == "HTTP/1.1"
        assert span["tags"]["upstream_address"] == span["name"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_sampled_goes_on(
    way: str, python: str, launch: Run, tmp_path: Path, upstream: Upstream
) -> None:
    _, clients = outcome(python, launch, tmp_path, upstream.url(), way, "00")
    assert clients == []
    for arrival in upstream.wait(WAYS[way]):
        assert arrival.value("traceparent") == f"00-{TRACE}-{PARENT}-00"


def test_propagate_mode_hands_on_as_it_came(
    python: str, launch: Run, tmp_path: Path, upstream: Upstream
) -> None:
    outcome(python, launch, tmp_path, upstream.url(), "get", AUTOTRACE_MODE="propagate")
    assert upstream.one().value("traceparent") == f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("path", "said", "flags"),
    [("/drop", "ConnectionError", "UC"), ("/silent", "ReadTimeout", "UT")],
)
def test_failures_are_flagged(
    path: str, said: str, flags: str, python: str, launch: Run, tmp_path: Path, upstream: Upstream
) -> None:
    found, clients = outcome(python, launch, tmp_path, upstream.url(path), "error")
    assert found == said
    assert [span["tags"]["response_flags"] for span in clients] == [flags]


def test_a_refused_connection(python: str, launch: Run, tmp_path: Path) -> None:
    with upstreams.refusing() as port:
        url = f"http://127.0.0.1:{port}/"
        said, clients = outcome(python, launch, tmp_path, url, "error")
    assert said == "ConnectionError"
    assert [span["tags"]["response_flags"] for span in clients] == ["UF"]
