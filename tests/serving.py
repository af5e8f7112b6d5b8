"""Real sockets: the product, or anything else that speaks WSGI, served on a port of its own while a test runs."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from ssl import SSLContext
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who hangs up, or distrusts us, is the test's affair."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is its own."""


def free_port() -> int:
    """A port for a server that is started later, on which nothing listens now.

    None of those that the system gives to whoever asks for any: another test would get it meanwhile.
    """
    while True:
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", 20_000 + secrets.randbelow(12_000)))
            return int(one.getsockname()[1])


@contextmanager
def serving(application: Any, tls: SSLContext | None = None) -> Iterator[int]:
    """The port on the loopback that an application is served on, each request in a thread of its own."""
    server = make_server("127.0.0.1", 0, application, server_class=_Server, handler_class=_Quiet)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def product() -> Any:
    """The product as WSGI, on the database of Django's settings."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connections

    handler = WSGIHandler()

    def closing(environ: Any, start_response: Any) -> Any:
        """Neither files nor a thread's connection may outlive their request."""
        answer = handler(environ, start_response)
        try:
            return list(answer)
        finally:
            answer.close()
            connections.close_all()

    return closing
