"""Servers of greenlets, each in a thread of its own that nothing is patched for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer

from tests.contract.application import Application
from tests.contract.wire import HOST, TIMEOUT


@contextmanager
def pywsgi(application: Application) -> Iterator[int]:
    """gevent's server, in the hub of a thread."""
    begun: queue.Queue[tuple[int, Callable[[], Any]]] = queue.Queue()

    def serve() -> None:
        server = WSGIServer((HOST, 0), application, log=None, error_log=None)
        server.start()
        hub = gevent.get_hub()
        # The only thing of a hub that another thread may touch.
        watcher = hub.loop.async_()
        stopping = gevent.event.Event()
        watcher.start(stopping.set)
        begun.put((server.server_port, watcher.send))
        stopping.wait()
        server.stop(0)
        watcher.stop()
        hub.destroy()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port, stop = begun.get(timeout=TIMEOUT)
    try:
        yield port
    finally:
        stop()
        thread.join(TIMEOUT)
