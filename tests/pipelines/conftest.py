"""What tests with containers need; they are skipped by name where it is not there."""

import pytest


@pytest.fixture(scope='session')
def docker_image():
    """``docker_image(name)``: a client of the daemon, and the image's name."""
    from docker.errors import ImageNotFound

    from pipelines.docker_runner import connect

    try:
        client = connect()
    except OSError as error:
        pytest.skip(f'CONTAINERS NOT TESTED: {error}')

    def find(name):
        try:
            client.images.get(name)
        except ImageNotFound:
            pytest.skip(f'CONTAINERS NOT TESTED: the image {name} is not built (python -m pipelines.images build)')
        return client, name

    return find
