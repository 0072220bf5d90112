"""A server that hands requests on to another one, with a fault in between."""

import contextlib
import http.client
import http.server
import threading
from collections.abc import Callable, Iterator

Answer = tuple[int, bytes]
"""Status and body."""


@contextlib.contextmanager
def forwarding(
    target: str,
    *,
    before: Callable[[str, str], Answer | None] = lambda command, path: None,
    change: Callable[[str, str, bytes], bytes] = lambda command, path, body: body,
) -> Iterator[str]:
    """The address of the server while the context lasts.

    Args:
        target: host and port of the real server.
        before: sees command and path of each request; what it returns is answered in place of the real server's answer.
        change: makes of the body of an answer what is sent; of the same length.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ('content-length', 'transfer-encoding', 'connection'):
                    self.send_header(name, value)
            length = {name.lower(): value for name, value in headers}.get('content-length', len(body))
            self.send_header('Content-Length', str(length if self.command == 'HEAD' else len(body)))
            with contextlib.suppress(ConnectionError):  # a client that was tired of waiting
                self.end_headers()
                self.wfile.write(body)

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            instead = before(self.command, self.path)
            if instead:
                self._answer(instead[0], [], b'' if self.command == 'HEAD' else instead[1])
                return
            connection = http.client.HTTPConnection(target)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            self._answer(answer.status, answer.getheaders(), change(self.command, self.path, answer.read()))
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f'http://127.0.0.1:{server.server_address[1]}'
    finally:
        server.shutdown()
        server.server_close()
