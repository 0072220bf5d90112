"""Container components in containers of this machine's Docker daemon: unprivileged, with a root that stays as it is."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.errors import DockerException, ImageNotFound

import docker

from .local_tasks import Tasks

#: shared memory of a container: data workers pass batches through it, and 64 MiB, Docker's own, end in bus errors
_SHARED_MEMORY = '2g'
_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['(?:pipelinechannel--)?(\w+)'\]\}\}")


def connect() -> Any:
    """A client of the Docker daemon that the environment names.

    Raises:
        OSError: none answers.
    """
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        reason = ' '.join(str(error).split())[:200]
        raise OSError(f'no Docker daemon answers ({reason}). Start one, or run with --local process') from None
    return client


def check_image(client: Any, image: str) -> None:
    """Bring an image that is not here.

    Raises:
        OSError: it cannot be brought.
    """
    try:
        client.images.get(image)
    except ImageNotFound:
        try:
            client.images.pull(image)
        except DockerException:
            raise OSError(
                f'the image {image} is not on this machine and cannot be pulled. '
                'Run python -m pipelines.images build, or name another by --image'
            ) from None


@dataclass(frozen=True)
class Sandbox:
    """What of this machine a container has.

    Attributes:
        writable: folders, at the same path inside.
        readable: files and folders, at the same path inside.
        network: Docker's name of the network; ``none`` for none.
        user: ``uid:gid``, by default ours, so that files belong to us.
        gpus: number of GPUs; 0 for none.
    """

    writable: Sequence[Path] = ()
    readable: Sequence[Path] = ()
    network: str = 'none'
    user: str = field(default_factory=lambda: f'{os.getuid()}:{os.getgid()}')
    gpus: int = 0

    def options(self) -> dict[str, Any]:
        """Arguments for making a container, as Docker's client takes them."""
        modes = {**dict.fromkeys(map(str, self.readable), 'ro'), **dict.fromkeys(map(str, self.writable), 'rw')}
        gpus = [docker.types.DeviceRequest(count=self.gpus, capabilities=[['gpu']])] if self.gpus else None
        return {
            'volumes': {path: {'bind': path, 'mode': mode} for path, mode in modes.items()},
            'network': self.network,
            'extra_hosts': {'host.docker.internal': 'host-gateway'} if self.network != 'none' else None,
            'hostname': 'localhost' if self.network == 'none' else None,  # torchrun looks its own name up
            'user': self.user,
            'device_requests': gpus,
            'shm_size': _SHARED_MEMORY,
            'read_only': True,
            'tmpfs': {'/tmp': 'exec'},
            'cap_drop': ['ALL'],
            'security_opt': ['no-new-privileges'],
        }


@dataclass
class Containers(Tasks):
    """Tasks as containers, one at a time, removed when they have ended.

    Attributes:
        client: of the daemon.
        sandbox: what the containers have of this machine.
        parameters: of the pipeline, where an image is named by one of them; kfp.local does not look it up.
    """

    client: Any = field(kw_only=True)
    sandbox: Sandbox = field(kw_only=True)
    parameters: Mapping[str, Any] = field(kw_only=True, default_factory=dict)

    def execute(self, command: Sequence[str], *, image: str, environment: Mapping[str, str]) -> int:
        """Run a command line in a container of ``image``; its exit code is asked for while it is there."""
        image = _PARAMETER.sub(lambda found: str(self.parameters[found[1]]), image)
        container = self.client.containers.create(
            image, list(command), environment={'PIFPAF_IMAGE': image, **environment}, **self.sandbox.options()
        )
        try:
            container.start()
            _show(container.logs(stream=True, follow=True))
            return int(container.wait()['StatusCode'])
        except KeyboardInterrupt:
            interrupted = int(time.time())
            with contextlib.suppress(DockerException):  # it has ended just now
                container.kill('SIGINT')
            _show(container.logs(stream=True, follow=True, since=interrupted))
            container.wait()
            raise
        finally:
            container.remove(force=True)


def _show(chunks: Iterable[bytes]) -> None:
    """Pass output on, past everything that redirects stdout."""
    stream = sys.__stdout__ or sys.stderr
    for chunk in chunks:
        stream.write(chunk.decode(errors='replace'))
        stream.flush()
