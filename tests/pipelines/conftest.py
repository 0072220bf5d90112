"""What tests with containers need; they are skipped by name where it is not there."""

import pytest


@pytest.fixture(scope='session')
def docker_daemon():
    """A client of the daemon."""
    from pipelines.docker_runner import connect

    try:
        return connect()
    except OSError as error:
        pytest.skip(f'CONTAINERS NOT TESTED: {error}')


@pytest.fixture(scope='session')
def docker_image(docker_daemon):
    """``docker_image(name)``: a client of the daemon, and the image's name."""
    from docker.errors import ImageNotFound

    def find(name):
        try:
            docker_daemon.images.get(name)
        except ImageNotFound:
            pytest.skip(f'CONTAINERS NOT TESTED: the image {name} is not built (python -m pipelines.images build)')
        return docker_daemon, name

    return find
