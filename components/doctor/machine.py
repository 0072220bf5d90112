"""This machine: versions, shared memory, GPUs."""

import importlib.metadata
import platform
import shutil
import subprocess
from pathlib import Path

from pifpaf_core import version

from .finding import Finding, failed, ok, skipped, warning

_PACKAGES = ('torch', 'kfp', 'kfp-kubernetes', 'mlflow', 'mlflow-skinny', 'boto3', 'kubernetes')
_SERIES = {'kfp': '2.17', 'kfp-kubernetes': '2.17', 'mlflow': '3', 'mlflow-skinny': '3'}
_ENOUGH_SHARED = 2 * 1024**3
_SHARED = Path('/dev/shm')


def versions() -> Finding:
    """What is installed, and whether it is what the pipelines were made for."""
    found = {name: _version(name) for name in _PACKAGES}
    present = {name: text for name, text in found.items() if text}
    other = [name for name, series in _SERIES.items() if name in present and not present[name].startswith(f'{series}.')]
    parts = [f'pifpaf-core {version.version()}', f'Python {platform.python_version()}']
    detail = ', '.join(parts + [f'{name} {text}' for name, text in present.items()])
    if other:
        wanted = ', '.join(f'{name} {_SERIES[name]}' for name in other)
        return warning('versions', detail, f'Install {wanted}: pip install -c constraints.txt')
    return ok('versions', detail)


def shared_memory(folder: Path = _SHARED) -> Finding:
    """``/dev/shm``, through which data workers hand over batches."""
    try:
        size = shutil.disk_usage(folder).total
    except OSError as error:
        return warning('/dev/shm', f'not there: {error}', 'Train with "loader-workers": 0, or mount a memory volume')
    detail = f'{size / 1024**3:.2g} GiB'
    if size < _ENOUGH_SHARED:
        remedy = 'Mount a memory volume at /dev/shm (docker run --shm-size=8g), or train with "loader-workers": 0'
        return warning('/dev/shm', f'{detail}: data workers can end in bus errors', remedy)
    return ok('/dev/shm', detail)


def gpus(wanted: int) -> Finding:
    """GPUs, as the driver tells.

    Args:
        wanted: at least so many.
    """
    program = shutil.which('nvidia-smi')
    if program is None:
        if not wanted:
            return skipped('GPUs', 'no nvidia-smi here, and none are asked for')
        return failed(
            'GPUs', 'no nvidia-smi here', 'Look from a pod with GPUs, or install the driver and its container toolkit'
        )
    query = [program, '--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return failed('GPUs', f'nvidia-smi does not answer: {error}', 'Restart the node, or look at its driver')
    if done.returncode != 0:
        said = ' '.join((done.stderr or done.stdout).split())[:200]
        return failed('GPUs', f'nvidia-smi ended with {done.returncode}: {said}', 'Look at the driver of this node')
    names = done.stdout.strip().splitlines()
    detail = f'{len(names)}: {"; ".join(sorted(set(names)))}'
    if len(names) < wanted:
        return failed('GPUs', detail, f'{wanted} are asked for: lower gpus, or choose another node')
    return ok('GPUs', detail)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ''
