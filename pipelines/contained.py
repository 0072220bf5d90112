"""The pipeline on this machine in containers, with an MLflow server and an S3 server beside; see `embedded`."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines import servers
from pipelines.docker_runner import Containers, Sandbox, check_image, connect
from pipelines.embedded import LocalRun, execute, heading
from pipelines.pose_training.pipeline import build

RUN_ROOT = 's3://pifpaf/runs'
"""Where runs live by default: on the S3 server beside."""

_FILES = ('source', 'checkpoint', 'predict_images', 'test_annotations')
_PASSED_ON = ('AWS_', 'MLFLOW_')


def run(
    parameters: Mapping[str, Any], folder: Path, *, on_start: Callable[[str], None] = heading, verbose: bool = False
) -> LocalRun:
    """Run the pipeline in containers; Ctrl-C and SIGTERM are recorded as cancellation.

    MLflow's server is started unless ``MLFLOW_TRACKING_URI`` names one, the S3 server if runs live on S3 and
    ``AWS_ENDPOINT_URL_S3`` names none. Both stay.

    Args:
        parameters: by name, as on the KFP run form. Values that are paths of this machine can be read inside.
        folder: for what is written besides the runs: MLflow's database, scratch space, KFP's own files.
        on_start: called with each stage's name before it runs.
        verbose: let kfp tell what it does.

    Raises:
        OSError: no Docker daemon answers, an image is missing, or a server does not start.
    """
    folder = folder.absolute()
    client = connect()
    parameters = {**_defaults(), **parameters}
    for image in sorted({str(parameters[name]) for name in parameters if name in ('tools_image', 'image')}):
        check_image(client, image)
    writable = [folder / 'kfp', folder / 'work']
    readable = []
    for name in _FILES:
        path = Path(str(parameters[name])).absolute()
        if parameters[name] and path.exists():
            parameters[name] = str(path)
            readable.append(path)
    if '://' not in parameters['run_root']:
        parameters['run_root'] = str(Path(parameters['run_root']).absolute())
        writable.append(Path(parameters['run_root']))
    for path in writable:
        path.mkdir(parents=True, exist_ok=True)
    environment = _environment(client, folder, run_root=parameters['run_root'])
    gpus = int(parameters['gpus']) if _has_gpus(client) else 0
    sandbox = Sandbox(writable=writable, readable=readable, network=servers.network(client), gpus=gpus)
    tasks = Containers(environment, on_start, client=client, sandbox=sandbox, parameters=parameters)
    return execute(parameters, folder, tasks, verbose=verbose)


def _defaults() -> dict[str, Any]:
    inputs = build(concurrent_watch=False).component_spec.inputs or {}
    return {name: given.default for name, given in inputs.items()}


def _environment(client: Any, folder: Path, *, run_root: str) -> dict[str, str]:
    """Environment of the stages: our own servers, or those that the environment names."""
    found = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    found['PIFPAF_WORK_DIR'] = str(folder / 'work')
    if 'MLFLOW_TRACKING_URI' not in found:
        place = folder / 'mlflow'
        place.mkdir(parents=True, exist_ok=True)
        server = servers.mlflow(place)
        print(f'MLflow: {servers.start(client, server, folder=place)}')
        found['MLFLOW_TRACKING_URI'] = server.address
    if run_root.startswith('s3://') and 'AWS_ENDPOINT_URL_S3' not in found:
        keys = {'AWS_ACCESS_KEY_ID': 'local', 'AWS_SECRET_ACCESS_KEY': 'local', 'AWS_REGION': 'us-east-1'}
        server = servers.s3()
        address = servers.start(client, server, folder=folder / 'work')
        _make_bucket(address, run_root.removeprefix('s3://').partition('/')[0], keys)
        print(f'S3: {address}  (any key; it forgets everything when the container pifpaf-s3 is removed)')
        found |= {**keys, 'AWS_ENDPOINT_URL_S3': server.address}
    return found


def _make_bucket(address: str, bucket: str, keys: Mapping[str, str]) -> None:
    import boto3

    boto3.client(
        's3',
        endpoint_url=address,
        region_name=keys['AWS_REGION'],
        aws_access_key_id=keys['AWS_ACCESS_KEY_ID'],
        aws_secret_access_key=keys['AWS_SECRET_ACCESS_KEY'],
    ).create_bucket(Bucket=bucket)


def _has_gpus(client: Any) -> bool:
    return 'nvidia' in client.info().get('Runtimes', {})
