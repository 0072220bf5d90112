"""An MLflow server and an S3 server in containers beside a local run. They stay, so that results can be looked at."""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from pipelines.docker_runner import Sandbox, check_image

IMAGE = 'pifpaf-services:latest'
NETWORK = 'pifpaf'
_PATIENCE = 180.0


@dataclass(frozen=True)
class Server:
    """A server in a container.

    Attributes:
        name: of the container, and its address for other containers.
        port: inside.
        command: that starts it.
        health: path that answers with 200 when it is up.
    """

    name: str
    port: int
    command: Sequence[str]
    health: str

    @property
    def address(self) -> str:
        """For containers of the same network."""
        return f'http://{self.name}:{self.port}'


def mlflow(folder: Path) -> Server:
    """MLflow's server on a database below ``folder``; it takes no request for a host that it does not know."""
    hosts = 'pifpaf-mlflow:*,localhost:*,127.0.0.1:*'
    options = [
        f'--backend-store-uri=sqlite:///{folder}/mlflow.db',
        f'--artifacts-destination={folder}/mlartifacts',
        f'--allowed-hosts={hosts}',
        '--host=0.0.0.0',
        '--port=5000',
        '--workers=1',
    ]
    return Server('pifpaf-mlflow', 5000, ['mlflow', 'server', *options], '/health')


def s3() -> Server:
    """An S3 server for trying things out: it takes any key, and keeps all in memory until it is removed."""
    return Server('pifpaf-s3', 9000, ['moto_server', '--host=0.0.0.0', '--port=9000'], '/moto-api/')


def network(client: Any) -> str:
    """The network of the servers and the stages, made if need be."""
    if not client.networks.list(names=[f'^{NETWORK}$']):
        client.networks.create(NETWORK)
    return NETWORK


def start(client: Any, server: Server, *, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Start a server unless it runs, wait until it answers, and return its address for this machine.

    Args:
        client: of the Docker daemon.
        server: what to start.
        folder: that it may write.
        environment: further variables of the container.

    Raises:
        OSError: it does not start, or does not answer.
    """
    container = _running(client, server, folder)
    if container is None:
        check_image(client, IMAGE)
        options = Sandbox(writable=[folder], network=network(client)).options()
        container = client.containers.create(
            IMAGE,
            list(server.command),
            name=server.name,
            environment=dict(environment or {}),
            labels={'pifpaf.folder': str(folder)},
            ports={f'{server.port}/tcp': ('127.0.0.1', None)},  # a free one
            **options,
        )
        try:
            container.start()
        except APIError as error:
            container.remove(force=True)
            raise OSError(f'{server.name} does not start: {error.explanation}. Mend that and run again') from None
    container.reload()
    ports = container.ports.get(f'{server.port}/tcp')
    if not ports:  # it has ended already
        raise _given_up(container, server.name)
    address = f'http://127.0.0.1:{ports[0]["HostPort"]}'
    _wait(container, address + server.health, server.name)
    return address


def _running(client: Any, server: Server, folder: Path) -> Any:
    """The server's container if it runs on this folder; any other of its name is removed."""
    try:
        container = client.containers.get(server.name)
    except NotFound:
        return None
    if container.status == 'running' and container.labels.get('pifpaf.folder') == str(folder):
        return container
    container.remove(force=True)
    return None


def _wait(container: Any, address: str, name: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            container.reload()
            if container.status != 'running':
                break
            time.sleep(0.5)
    raise _given_up(container, name)


def _given_up(container: Any, name: str) -> OSError:
    """What its last words were; the container is removed."""
    last = container.logs(tail=3).decode(errors='replace').strip() or 'no output'
    container.remove(force=True)
    return OSError(f'{name} does not answer; it said: {last}. Mend that and run again')
