"""The libraries that are traced: one row each, one module each.

Read in every Python process, so it imports nothing: rows are plain tuples under names.
"""

from __future__ import annotations


class Row(tuple):  # type: ignore[type-arg]
    """One integration.

    name: the module below `autotrace.integrations` that holds it; modules: the imports that it
    waits for; requires: the distribution and the versions that it is tested with ("" for the
    standard library); passive: it does not wake the agent, since every process imports it;
    direction: what it is for; covers: one line for the documentation.
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str,
        modules: tuple[str, ...],
        requires: str,
        direction: str,
        covers: str,
        passive: bool = False,
    ) -> Row:
        return tuple.__new__(cls, (name, modules, requires, direction, covers, passive))

    name: str = property(lambda self: self[0])  # type: ignore[assignment]
    modules: tuple[str, ...] = property(lambda self: self[1])  # type: ignore[assignment]
    requires: str = property(lambda self: self[2])  # type: ignore[assignment]
    direction: str = property(lambda self: self[3])  # type: ignore[assignment]
    covers: str = property(lambda self: self[4])  # type: ignore[assignment]
    passive: bool = property(lambda self: self[5])  # type: ignore[assignment]


MANIFEST: tuple[Row, ...] = (
    Row("flask", ("flask.app",), "flask>=2.2,<4", "in", "Flask: entry and route"),
    Row("gunicorn", ("gunicorn.workers.base",), "gunicorn>=20.1", "server", "sync and gthread"),
    Row("werkzeug", ("werkzeug.serving",), "werkzeug>=2.2", "server", "development server"),
    Row("wsgiref", ("wsgiref.handlers",), "", "server", "wsgiref servers and CGI"),
    Row("waitress", ("waitress.server",), "waitress>=2.1", "server", "waitress"),
    Row("uvicorn", ("uvicorn.server",), "uvicorn>=0.20", "server", "spans survive SIGTERM"),
    Row("urllib3", ("urllib3.connectionpool",), "urllib3>=1.26,<3", "out", "every attempt"),
    Row("http_client", ("http.client",), "", "out", "http.client and all that stands on it"),
    Row(
        "opentelemetry",
        ("opentelemetry.trace", "opentelemetry.baggage"),
        "opentelemetry-api>=1.30,<2",
        "api",
        "spans of the program's own",
    ),
    Row("threading", ("threading",), "", "carrier", "Thread and Timer", passive=True),
    Row(
        "concurrent_futures",
        ("concurrent.futures.thread",),
        "",
        "carrier",
        "ThreadPoolExecutor",
        passive=True,
    ),
)
