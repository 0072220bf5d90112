"""A real ``mlflow server`` as a process that can be killed and started again, and PostgreSQL for it to write to."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


class MlflowServer:
    """The server while the context lasts.

    Args:
        folder: for its database and its artifacts.
        database: address; an sqlite file in the folder by default.
    """

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self._folder = folder
        self._database = database or f'sqlite:///{folder}/mlflow.db'
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f'http://127.0.0.1:{self._port}'

    def __enter__(self) -> 'MlflowServer':
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        places = ['--backend-store-uri', self._database, '--artifacts-destination', str(self._folder / 'artifacts')]
        argv = [sys.executable, '-m', 'mlflow', 'server', *places, '--host', '127.0.0.1', '--port', str(self._port)]
        with (self._folder / 'server.log').open('ab') as log:
            self._process = subprocess.Popen(
                [*argv, '--workers', '1'], stdout=log, stderr=log, start_new_session=True, cwd=self._folder,
                env={**os.environ, 'MLFLOW_DISABLE_TELEMETRY': 'true', 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION': 'false'},
            )  # fmt: skip
        end = time.monotonic() + 600  # it imports for a long time on a busy machine
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f'{self.address}/health', timeout=5).close()
                return
            assert self._process.poll() is None, (self._folder / 'server.log').read_text()
            assert time.monotonic() < end, 'the MLflow server does not answer'
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with all its workers, as a lost machine would be."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class Postgres:
    """PostgreSQL from Debian's package ``postgresql`` while the context lasts: ``address`` is that of its database.

    Args:
        folder: for its files and its socket; a short path.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = 'postgres' if os.getuid() == 0 else None  # it refuses to be root

    @staticmethod
    def programs() -> Path | None:
        """Folder of its programs, if it is installed."""
        found = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'))
        if found:
            return found[-1].parent
        initdb = shutil.which('initdb')
        return Path(initdb).parent if initdb else None

    @property
    def address(self) -> str:
        return f'postgresql+psycopg2://tester@/postgres?host={self._folder}'

    def __enter__(self) -> 'Postgres':
        programs = self.programs()
        assert programs is not None
        if self._user:
            shutil.chown(self._folder, self._user)
        data = self._folder / 'data'
        self._run(programs / 'initdb', '-D', data, '-U', 'tester', '--auth=trust', '--no-sync')
        argv = [str(programs / 'postgres'), '-D', str(data), '-k', str(self._folder), '-c', 'listen_addresses=']
        with (self._folder / 'postgres.log').open('ab') as log:
            self._process = subprocess.Popen(argv, user=self._user, stdout=log, stderr=log, cwd=self._folder)
        end = time.monotonic() + 60
        while subprocess.run(
            [str(programs / 'pg_isready'), '-h', str(self._folder)], stdout=subprocess.DEVNULL, check=False
        ).returncode:
            assert time.monotonic() < end, (self._folder / 'postgres.log').read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def _run(self, *argv: object) -> None:
        done = subprocess.run(
            list(map(str, argv)), user=self._user, capture_output=True, text=True, cwd=self._folder, check=False
        )
        assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])
