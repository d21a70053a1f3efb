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


# OpenTelemetry's instrumentors of what is not traced here: entry point -> the import it waits for.
OTEL_INSTRUMENTORS = {
    # Databases and caches.
    "aiopg": "aiopg",
    "asyncpg": "asyncpg",
    "cassandra": "cassandra.cluster",
    "elasticsearch": "elasticsearch",
    "mysql": "mysql.connector",
    "mysqlclient": "MySQLdb",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "pymemcache": "pymemcache",
    "pymongo": "pymongo",
    "pymssql": "pymssql",
    "pymysql": "pymysql",
    "redis": "redis",
    "sqlalchemy": "sqlalchemy",
    "sqlite3": "sqlite3",
    "tortoiseorm": "tortoise",
    # Queues.
    "aio-pika": "aio_pika",
    "aiokafka": "aiokafka",
    "confluent_kafka": "confluent_kafka",
    "kafka": "kafka",
    "pika": "pika",
    "remoulade": "remoulade",
}

MANIFEST: tuple[Row, ...] = (
    Row("flask", ("flask.app",), "flask>=2.2,<4", "in", "Flask: entry and route"),
    Row(
        "django",
        (
            "django.core.handlers.base",
            "django.core.handlers.wsgi",
            "django.core.handlers.asgi",
            "django.core.handlers.exception",
            "django.http.response",
        ),
        "django>=3.2",
        "in",
        "Django: WSGI and ASGI entries, and route",
    ),
    Row(
        "falcon",
        ("falcon.app", "falcon.asgi.app"),
        "falcon>=3",
        "in",
        "Falcon: WSGI and ASGI entries, and route",
    ),
    Row("bottle", ("bottle",), "bottle>=0.12", "in", "Bottle: entry and route"),
    Row(
        "pyramid",
        ("pyramid.router", "pyramid.urldispatch"),
        "pyramid>=1.10",
        "in",
        "Pyramid: entry and route",
    ),
    Row(
        "cherrypy",
        ("cherrypy._cptree", "cherrypy._cpdispatch", "cherrypy._cprequest"),
        "cherrypy>=18",
        "in",
        "CherryPy: entries and route",
    ),
    Row("cheroot", ("cheroot.wsgi",), "cheroot>=8", "server", "cheroot"),
    Row("http_server", ("http.server",), "", "server", "handlers that answer by hand, xmlrpc"),
    Row(
        "gunicorn",
        ("gunicorn.workers.base", "gunicorn.workers.gasgi"),
        "gunicorn>=20.1",
        "server",
        "sync, gthread and asgi",
    ),
    Row("werkzeug", ("werkzeug.serving",), "werkzeug>=2.2", "server", "development server"),
    Row("wsgiref", ("wsgiref.handlers",), "", "server", "wsgiref servers and CGI"),
    Row("uwsgi", ("uwsgidecorators",), "", "server", "workers that uWSGI forks by itself"),
    Row("waitress", ("waitress.server",), "waitress>=2.1", "server", "waitress"),
    Row(
        "uvicorn",
        (
            "uvicorn.server",
            "uvicorn.protocols.http.h11_impl",
            "uvicorn.protocols.http.httptools_impl",
            "uvicorn.protocols.http.zttp_impl",
            "uvicorn.protocols.http.zttp_h2_impl",
            "uvicorn.protocols.websockets.websockets_impl",
            "uvicorn.protocols.websockets.websockets_sansio_impl",
            "uvicorn.protocols.websockets.wsproto_impl",
        ),
        "uvicorn>=0.20",
        "server",
        "every protocol, workers of gunicorn too; spans survive SIGTERM",
    ),
    Row("hypercorn", ("hypercorn.app_wrappers",), "hypercorn>=0.14", "server", "ASGI and WSGI"),
    Row("daphne", ("daphne.server",), "daphne>=4", "server", "daphne"),
    Row(
        "granian",
        (
            "granian.asgi",
            "granian.wsgi",
            "granian.server.mp",
            "granian.server.mt",
            "granian.server.embed",
        ),
        "granian>=1",
        "server",
        "ASGI and WSGI",
    ),
    Row(
        "starlette",
        ("starlette.applications", "starlette.routing"),
        "starlette>=0.27",
        "in",
        "Starlette: entry and route",
    ),
    Row(
        "fastapi",
        ("fastapi.applications", "fastapi.routing", "fastapi.telemetry._asgi"),
        "fastapi>=0.100",
        "in",
        "FastAPI: entry and route",
    ),
    Row("quart", ("quart.app", "quart.ctx"), "quart>=0.18", "in", "Quart: entry and route"),
    Row(
        "litestar",
        (
            "litestar.app",
            "litestar.routes.http",
            "litestar.routes.websocket",
            "litestar._asgi.asgi_router",
        ),
        "litestar>=2",
        "in",
        "Litestar: entry and route",
    ),
    Row("connexion", ("connexion.middleware.main",), "connexion>=3", "in", "Connexion: entry"),
    Row(
        "wsgi_in_asgi",
        (
            "a2wsgi.wsgi",
            "asgiref.wsgi",
            "hypercorn.app_wrappers",
            "starlette.middleware.wsgi",
            "uvicorn.middleware.wsgi",
        ),
        "",
        "in",
        "WSGI applications below ASGI ones",
    ),
    Row("gevent_pywsgi", ("gevent.pywsgi",), "gevent>=21.8", "server", "gevent.pywsgi"),
    Row("eventlet_wsgi", ("eventlet.wsgi",), "eventlet>=0.33", "server", "eventlet.wsgi"),
    Row(
        "aiohttp_server",
        ("aiohttp.web_protocol", "aiohttp.web_response"),
        "aiohttp>=3.9,<4",
        "in",
        "aiohttp.web: entry and route",
    ),
    Row("grpc_server", ("grpc._server",), "grpcio>=1.60", "in", "gRPC servers"),
    Row("grpc_aio_server", ("grpc.aio._server",), "grpcio>=1.60", "in", "grpc.aio servers"),
    Row("grpc_client", ("grpc._channel",), "grpcio>=1.60", "out", "gRPC clients"),
    Row(
        "grpc_aio_client",
        ("grpc.aio._call", "grpc.aio._channel"),
        "grpcio>=1.60",
        "out",
        "grpc.aio clients",
    ),
    Row(
        "sanic",
        (
            "sanic.http.http1",
            "sanic.handlers.error",
            "sanic.server.protocols.http_protocol",
            "sanic.server.protocols.websocket_protocol",
        ),
        "sanic>=22.12",
        "in",
        "Sanic on its own server: entry and route",
    ),
    Row(
        "tornado_http1",
        ("tornado.http1connection",),
        "tornado>=6.1",
        "server",
        "Tornado's connections, for its server and its client",
    ),
    Row(
        "tornado_server",
        ("tornado.web", "tornado.wsgi"),
        "tornado>=6.1",
        "in",
        "Tornado: entry and route, and WSGI below it",
    ),
    Row(
        "celery",
        (
            "celery.app.base",
            "celery.app.trace",
            "celery.worker.consumer.consumer",
            "celery.concurrency.prefork",
        ),
        "celery>=5.2,<6",
        "in",
        "Celery: runs of tasks, headers of those sent",
    ),
    Row(
        "rq",
        ("rq.job", "rq.worker", "rq.worker.base"),
        "rq>=1.16,<4",
        "in",
        "RQ: runs of jobs, headers of those enqueued",
    ),
    Row(
        "tornado_client",
        ("tornado.simple_httpclient", "tornado.websocket"),
        "tornado>=6.1",
        "out",
        "Tornado's client, every hop, and websockets' handshakes",
    ),
    Row("tornado_curl", ("tornado.curl_httpclient",), "tornado>=6.1", "out", "the one on libcurl"),
    Row(
        "urllib3",
        (
            "urllib3.connectionpool",
            # The fork, which may have the name of the original.
            "urllib3._async.connectionpool",
            "urllib3_future.connectionpool",
            "urllib3_future._async.connectionpool",
        ),
        "urllib3>=1.26,<3",
        "out",
        "every attempt; urllib3.future too, and so niquests",
    ),
    Row(
        "httpcore",
        (
            "httpcore._sync.connection_pool",
            "httpcore._sync.http11",
            "httpcore._sync.http2",
            "httpcore._async.connection_pool",
            "httpcore._async.http11",
            "httpcore._async.http2",
        ),
        "httpcore>=0.17",
        "out",
        "httpx too: every hop, HTTP/1.1 and 2",
    ),
    Row("aiohttp_client", ("aiohttp.client",), "aiohttp>=3.9,<4", "out", "every hop and attempt"),
    Row(
        "websockets",
        (
            "websockets.client",
            "websockets.asyncio.client",
            "websockets.sync.client",
            "websockets.trio.client",
            "websockets.legacy.client",
        ),
        "websockets>=11",
        "out",
        "websockets: handshakes",
    ),
    Row(
        "botocore",
        ("botocore.endpoint", "aiobotocore.endpoint"),
        "botocore>=1.29",
        "out",
        "botocore and aiobotocore: names of services and operations",
    ),
    Row("http_client", ("http.client",), "", "out", "http.client and all that stands on it"),
    Row(
        "opentelemetry",
        ("opentelemetry.trace", "opentelemetry.baggage"),
        "opentelemetry-api>=1.30,<2",
        "api",
        "spans of the program's own",
    ),
    # Wakes nobody: a program that only has a database is not traced.
    Row(
        "otel_instrumentors",
        ("opentelemetry.instrumentation.instrumentor", *OTEL_INSTRUMENTORS.values()),
        "",
        "api",
        "OpenTelemetry's instrumentors of databases, caches and queues, where they are installed",
        passive=True,
    ),
    # They wake nobody: what they patch by themselves has to come first.
    Row(
        "gevent",
        ("gevent", "gevent.threadpool"),
        "gevent>=21.8",
        "carrier",
        "greenlets and pool threads",
        passive=True,
    ),
    Row(
        "eventlet",
        ("eventlet.greenthread", "eventlet.tpool"),
        "eventlet>=0.33",
        "carrier",
        "green threads and pool threads",
        passive=True,
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
    Row("thread_pool", ("multiprocessing.pool",), "", "carrier", "ThreadPool", passive=True),
    Row("queue", ("queue",), "", "carrier", "threads that become workers", passive=True),
    Row("subprocess", ("subprocess",), "", "carrier", "child processes, on request", passive=True),
    Row("logging", ("logging",), "", "log", "ids on every log record", passive=True),
    Row(
        "access_log",
        ("gunicorn.glogging", "gunicorn.http.wsgi", "werkzeug.serving"),
        "",
        "log",
        "access lines of gunicorn and werkzeug",
    ),
    Row(
        "structlog",
        ("structlog._base",),
        "structlog>=21.2",
        "log",
        "ids in events within a request",
        passive=True,
    ),
    Row("loguru", ("loguru._logger",), "loguru>=0.7,<1", "log", "ids in extra", passive=True),
)
