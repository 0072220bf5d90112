"""Two containers with two processes each over a Docker network, told of each other by ``PET_`` variables as Kubeflow's
Trainer sets them, train one network."""

import json
import shutil
import subprocess
import uuid

import pytest
import torch

IMAGE = 'pifpaf-train:latest'

pytestmark = [pytest.mark.nightly, pytest.mark.docker, pytest.mark.timeout(900)]


def docker(*arguments, timeout=60):
    return subprocess.run(['docker', *arguments], capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def network():
    """A Docker network of its own; skips, and says why, where there is no Docker or no image."""
    if shutil.which('docker') is None or docker('info').returncode:
        pytest.skip('CONTAINERS NOT TESTED: there is no Docker daemon')
    if docker('image', 'inspect', IMAGE).returncode:
        pytest.skip(f'CONTAINERS NOT TESTED: the image {IMAGE} is not built (python -m pipelines.images build)')
    name = f'pifpaf-{uuid.uuid4().hex[:8]}'
    assert docker('network', 'create', name).returncode == 0
    yield name
    docker('rm', '--force', f'{name}-0', f'{name}-1')
    docker('network', 'rm', name)


def test_two_containers_train_one_network(network, repository, tmp_path):
    tmp_path.chmod(0o777)
    eight = '/src/examples/coco-eight'
    flags = [
        '--ddp', '--dataset=cocokp', '--basenet=tiny', '--cocokp-square-edge=49', '--batch-size=1', '--epochs=2',
        '--loader-workers=0', '--disable-cuda', '--output=/out/both',
    ]  # fmt: skip
    for split in ('train', 'val'):
        flags += [f'--cocokp-{split}-annotations={eight}/annotations/person_keypoints_val2017.json']
        flags += [f'--cocokp-{split}-image-dir={eight}/images/val2017']
    for rank in range(2):
        variables = {
            'PET_NNODES': 2, 'PET_NPROC_PER_NODE': 2, 'PET_NODE_RANK': rank, 'PET_MASTER_ADDR': f'{network}-0',
            'PET_MASTER_PORT': 29500, 'OMP_NUM_THREADS': 1, 'PYTHONPATH': '/src', 'NUMBA_CACHE_DIR': '/tmp/numba',
        }  # fmt: skip
        started = docker(
            'run', '--detach', f'--name={network}-{rank}', f'--hostname={network}-{rank}', f'--network={network}',
            '--shm-size=256m', f'--volume={repository}:/src:ro', f'--volume={tmp_path}:/out', '--workdir=/tmp',
            *(f'--env={name}={value}' for name, value in variables.items()),
            IMAGE, 'python3', '-m', 'pifpaf_core.training.torchrun', '-m', 'pifpaf_core.train', *flags,
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
    codes = [docker('wait', f'{network}-{rank}', timeout=800).stdout.strip() for rank in range(2)]
    logs = [docker('logs', f'{network}-{rank}') for rank in range(2)]
    assert codes == ['0', '0'], '\n'.join(log.stdout + log.stderr for log in logs)
    state = torch.load(tmp_path / 'both.state.pt', weights_only=True)
    assert (state['world_size'], state['epoch'], state['n_batches']) == (4, 2, 2)
    records = [json.loads(line) for line in (tmp_path / 'both.log').read_text().splitlines()]
    assert [r['epoch'] for r in records if r.get('type') == 'train-epoch'] == [1, 2]
