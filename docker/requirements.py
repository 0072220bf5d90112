"""What pip is to install into an image, from pyproject.toml and constraints.txt: ``requirements.py TARGET [TORCH]``.

Writes ``requirements.txt`` and ``pins.txt`` beside itself. It runs in the image's build, with nothing but Python.
"""

import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
TORCH = ('torch', 'torchvision')
#: what comes with a build of torch, and is another one for another build
TORCH_NEEDS = ('triton', 'nvidia-', 'cuda-')


def name(requirement: str) -> str:
    """``torch`` of ``torch>=2.9``."""
    return re.split(r'[^A-Za-z0-9_.-]', requirement, maxsplit=1)[0].lower()


def requirements(project: dict, target: str, torch: str) -> list[str]:
    """Lines for pip. ``torch`` is a requirement, empty for the project's own, or ``base`` for what is there already."""
    extras = project['optional-dependencies']
    library = project['dependencies']
    without_torch = [line for line in library if name(line) not in TORCH]
    if target == 'tools':
        without_networks = [line for line in without_torch if name(line) not in ('safetensors', 'matplotlib', 'tqdm')]
        return without_networks + extras['tools']
    if target == 'train':
        own = [line for line in library if name(line) in TORCH]
        given = {'': own, 'base': []}.get(torch, torch.split())
        return without_torch + given + extras['train']
    if target == 'services':
        return [line for line in extras['pipeline'] + extras['dev'] if name(line) in ('mlflow', 'moto')]
    raise SystemExit(f"requirements.py: there is no target '{target}'. Give tools, train or services")


def pins(constraints: str, torch: str) -> list[str]:
    """Constraints that hold: all of them, or without those of torch where another torch is wanted."""
    lines = [line for line in constraints.splitlines() if line and not line.startswith('#')]
    return [line for line in lines if not torch or not name(line).startswith((*TORCH, *TORCH_NEEDS))]


if __name__ == '__main__':
    target, torch = [*sys.argv[1:], ''][:2]
    project = tomllib.loads((HERE / 'pyproject.toml').read_text())['project']
    (HERE / 'requirements.txt').write_text('\n'.join(requirements(project, target, torch)) + '\n')
    (HERE / 'pins.txt').write_text('\n'.join(pins((HERE / 'constraints.txt').read_text(), torch)) + '\n')
