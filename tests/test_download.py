import hashlib
import http.server
import threading

import pytest

from pifpaf_core.download import DownloadError, fetch

CONTENT = b'weights' * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]


class _Handler(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_GET(self):
        type(self).requests += 1
        if self.path.startswith('/absent'):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100] if self.path.startswith('/short') else CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    _Handler.requests = 0
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def test_a_file_is_downloaded_once(server, tmp_path):
    address = f'{server}/net-{DIGEST}.pth'
    for _ in range(2):
        path = fetch(address, tmp_path / 'cache', progress=False)
        assert path == tmp_path / 'cache' / f'net-{DIGEST}.pth'
        assert path.read_bytes() == CONTENT
    assert _Handler.requests == 1


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('absent.pth', 'could not be downloaded .Not Found.. Put the file at .*absent.pth$'),
        ('short.pth', 'ended after 100 of 7000 bytes'),
        ('net-00000000.pth', 'does not begin with 00000000'),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(server, tmp_path, name, message):
    with pytest.raises(DownloadError, match=message):
        fetch(f'{server}/{name}', tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_answers(tmp_path):
    with pytest.raises(DownloadError, match=r'could not be downloaded \(.*\)\. Put the file at '):
        fetch('http://127.0.0.1:9/net.pth', tmp_path)


def test_a_damaged_file_in_the_cache_is_refused(tmp_path):
    (tmp_path / f'net-{DIGEST}.pth').write_bytes(b'damaged')
    with pytest.raises(DownloadError, match=r'Delete .* so that it is downloaded again'):
        fetch(f'http://127.0.0.1:9/net-{DIGEST}.pth', tmp_path)
