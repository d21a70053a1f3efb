"""A Flask program that calls itself, and what every backend has to make of its three spans."""

from __future__ import annotations

from typing import NamedTuple

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER_ID = "b7ad6b7169203331"

# The first request comes from no library, so that it is nobody's span but the server's.
PROGRAM = """
import os
import socket
import sys
import threading
from urllib.request import urlopen

from flask import Flask
from werkzeug.serving import make_server

app = Flask(__name__)

@app.get("/inner")
def inner():
    return "inner"

@app.get("/outer")
def outer():
    return urlopen(f"http://127.0.0.1:{server.server_port}/inner").read()

server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

def ask():
    with socket.create_connection(("127.0.0.1", server.server_port)) as asked:
        asked.sendall(
            b"GET /outer HTTP/1.1\\r\\nHost: shop.example\\r\\nConnection: close\\r\\n"
            + os.environ["ARRIVES"].encode() + b"\\r\\n\\r\\n"
        )
        answer = b""
        while piece := asked.recv(65536):
            answer += piece
    assert answer.endswith(b"inner"), answer

ask()
if sys.argv[1:] == ["fork"]:
    # What the parent holds has been sent, so that its connection is open.
    sys.modules["autotrace.integration"]._pipelines[0].flush(30)
    if os.fork() == 0:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask()
        sys.exit(0)
    assert os.wait()[1] == 0
print("done")
"""


class Hop(NamedTuple):
    """One span as its receiver read it: ids in hex, `kind` in words."""

    trace_id: str
    span_id: str
    parent_id: str
    kind: str


TRACEPARENT = f"traceparent: 00-{TRACE_ID}-{CALLER_ID}-01"


def assert_one_story(hops: list[Hop]) -> None:
    """Three spans: the outer server below the caller, its call, and the inner server below that."""
    assert {hop.trace_id for hop in hops} == {TRACE_ID}
    assert sorted(hop.kind for hop in hops) == ["client", "server", "server"]
    (client,) = (hop for hop in hops if hop.kind == "client")
    (outer,) = (hop for hop in hops if hop.parent_id == CALLER_ID)
    (inner,) = (hop for hop in hops if hop.parent_id == client.span_id)
    assert (outer.kind, inner.kind) == ("server", "server")
    assert client.parent_id == outer.span_id
    assert len({hop.span_id for hop in hops}) == 3
