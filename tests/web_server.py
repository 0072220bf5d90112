"""A web server for one test: it serves files with Range requests and misbehaves as it is told."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Site:
    """What is served, and how badly.

    Attributes:
        files: {path: content}.
        break_after: break the connection after so many bytes of a response, as often as `breaks` says.
        announce: added to the length that is announced.
        ranges: whether Range requests are understood.
        shift: by how much the start of an answered range is wrong.
        statuses: HTTP errors to answer first, one a request.
        redirects: {path: address}.
        tag: the ETag.
        requests: (path, Range header) of each request so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: int = 0
    breaks: int = 0
    announce: int = 0
    ranges: bool = True
    shift: int = 0
    statuses: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    tag: str = '"one"'
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ''


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """A `Site` at its ``address`` until the block ends."""
    site = Site()
    handler = type('Handler', (_Handler,), {'site': site})
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    site.address = f'http://127.0.0.1:{server.server_address[1]}'
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        site, wanted = self.site, self.headers.get('Range')
        site.requests.append((self.path, wanted))
        if site.statuses:
            return self.send_error(site.statuses.pop(0))
        if self.path in site.redirects:
            self.send_response(302)
            self.send_header('Location', site.redirects[self.path])
            return self.end_headers()
        if self.path not in site.files:
            return self.send_error(404)
        return self._serve(site, site.files[self.path], wanted)

    def _serve(self, site: Site, content: bytes, wanted: str | None) -> None:
        start = 0
        if wanted and site.ranges and self.headers.get('If-Range', site.tag) == site.tag:
            start = int(wanted.removeprefix('bytes=').rstrip('-'))
            if start >= len(content):
                self.send_response(416)
                self.send_header('Content-Range', f'bytes */{len(content)}')
                self.send_header('Content-Length', '0')
                return self.end_headers()
            self.send_response(206)
            self.send_header(
                'Content-Range', f'bytes {start + site.shift}-{len(content) - 1}/{len(content) + site.announce}'
            )
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header('Content-Length', str(len(body) + site.announce))
        self.send_header('ETag', site.tag)
        self.end_headers()
        if site.breaks and len(body) > site.break_after:
            site.breaks -= 1
            body = body[: site.break_after]
        self.wfile.write(body)
        return None
