"""Ceph's RADOS Gateway, a real S3 server, from Debian's packages ``ceph-mon``, ``ceph-osd`` and ``radosgw``.

One monitor, one store in memory and one gateway, all of them below one folder and on free ports of this machine.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

PROGRAMS = ('ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin')
KEY, SECRET = 'testaccesskey', 'testsecretkey'

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/$name.keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = {n_bytes}
ms bind ipv4 = true
public addr = 127.0.0.1
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
crash dir = {folder}
osd crush update on start = true
osd crush initial weight = 1.0
[mon.a]
host = localhost
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
[client.rgw]
rgw data = {folder}
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw dns name = localhost
rgw enable usage log = false
rgw thread pool size = 64
"""


def missing() -> list[str]:
    """Programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Ceph:
    """The server while the context lasts.

    Args:
        folder: for everything that it writes; a short path, for sockets lie in it.
        n_bytes: memory of the store.
    """

    def __init__(self, folder: Path, *, n_bytes: int = 4 << 30) -> None:
        self._folder = folder
        self._conf = folder / 'ceph.conf'
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._gateway: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._mon_port = _free_port()
        self._fsid = str(uuid.uuid4())
        self._conf.write_text(
            CONFIGURATION.format(
                fsid=self._fsid, mon_port=self._mon_port, port=self.port, folder=folder, n_bytes=n_bytes
            )
        )

    @property
    def address(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def __enter__(self) -> 'Ceph':
        try:
            self._start_cluster()
            keys = ['--access-key', KEY, '--secret-key', SECRET]
            self._run('radosgw-admin', 'user', 'create', '--uid=test', '--display-name=test', *keys)
            allowed = ['mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *']
            self._run('ceph', 'auth', 'get-or-create', 'client.rgw', *allowed, '-o', self._keyring('client.rgw'))
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()

    def start(self) -> None:
        """Start the gateway and wait until it answers."""
        self._gateway = self._daemon('radosgw', '-n', 'client.rgw')
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(self.address, timeout=5).close()
                return
            assert self._gateway.poll() is None, 'radosgw ended'
            time.sleep(0.1)
        raise TimeoutError('radosgw does not answer')

    def kill(self) -> None:
        """Kill the gateway as a lost machine would be; what it stored is kept."""
        if self._gateway is not None:
            self._gateway.kill()
            self._gateway.wait()
            self._gateway = None

    def _start_cluster(self) -> None:
        folder, mon, admin = self._folder, self._keyring('mon.'), self._keyring('client.admin')
        everything = [x for who in ('mon', 'osd', 'mgr', 'mds') for x in ('--cap', who, 'allow *')]
        self._run('ceph-authtool', '--create-keyring', mon, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
        self._run('ceph-authtool', '--create-keyring', admin, '--gen-key', '-n', 'client.admin', *everything)
        self._run('ceph-authtool', mon, '--import-keyring', admin)
        address = f'v2:127.0.0.1:{self._mon_port}'
        self._run('monmaptool', '--create', '--fsid', self._fsid, '--addv', 'a', f'[{address}]', f'{folder}/monmap')
        self._run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', f'{folder}/monmap', '--keyring', mon)
        self._daemons.append(self._daemon('ceph-mon', '-i', 'a', '--keyring', mon))
        self._run('ceph', 'osd', 'new', str(uuid.uuid4()), '0')
        (folder / 'osd').mkdir()
        allowed = ['mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd']
        self._run('ceph', 'auth', 'get-or-create', 'osd.0', *allowed, '-o', self._keyring('osd.0'))
        identity = json.loads(self._run('ceph', 'osd', 'dump', '-f', 'json'))['osds'][0]['uuid']
        self._run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', identity)
        self._daemons.append(self._daemon('ceph-osd', '-i', '0'))

    def _keyring(self, name: str) -> str:
        return f'{self._folder}/{name}.keyring'

    def _run(self, *argv: str) -> bytes:
        done = subprocess.run([*argv, '--conf', str(self._conf)], capture_output=True, timeout=180, check=False)
        assert done.returncode == 0, f'{argv}: {done.stderr.decode()}'
        return done.stdout

    def _daemon(self, *argv: str) -> 'subprocess.Popen[bytes]':
        with (self._folder / f'{argv[0]}.out').open('ab') as output:
            return subprocess.Popen([*argv, '-f', '--conf', str(self._conf)], stdout=output, stderr=output)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])
