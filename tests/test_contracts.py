"""The names and rules that several parts share: exit codes, import weight, package contents, flags."""

import json
import subprocess
import sys
import tomllib

import pytest

from pifpaf_core import __main__, command

LIGHT = [
    'pifpaf_core.decoders',
    'pifpaf_core.encoders',
    'pifpaf_core.headmeta',
    'pifpaf_core.annotation',
    'pifpaf_core.skeletons.cocokp',
    'pifpaf_core.options',
    'pifpaf_core.prepare',
    'pifpaf_core.dataset',
    'pifpaf_core.datasets.synthetic',
    'pifpaf_core.metrics.submission',
]
STAGES = ['prepare_dataset', 'train', 'launcher', 'watch_evaluate', 'testdev_submit_zip', 'predict', 'finish']
COMMANDS = sorted(__main__.COMMANDS)


def imported_by(statement: str, suspects: list[str]) -> list[str]:
    """Which of ``suspects`` a fresh interpreter has imported after ``statement``."""
    program = f'import sys\n{statement}\nprint([name for name in {suspects!r} if name in sys.modules])'
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1].replace("'", '"'))


def test_exit_codes():
    codes = command.DONE, command.FAILED, command.USAGE, command.CANCELED, command.PREEMPTED
    assert codes == (0, 1, 2, 3, 75)


@pytest.mark.parametrize('module', LIGHT)
def test_imports_without_torch(module):
    assert imported_by(f'import {module}', ['torch', 'torchvision', 'kfp', 'boto3', 'mlflow']) == []


@pytest.mark.parametrize('stage', STAGES)
def test_a_component_pulls_in_kfp_and_nothing_else(stage):
    heavy = ['torch', 'numpy', 'boto3', 'mlflow', 'cv2', 'pifpaf_core']
    assert imported_by(f'import components.{stage}.component', ['kfp', *heavy]) == ['kfp']


@pytest.mark.parametrize('package', ['components', *(f'components.{stage}' for stage in STAGES), 'components.runtime'])
def test_component_packages_are_empty(repository, package):
    assert (repository / package.replace('.', '/') / '__init__.py').read_text() == ''


def test_the_wheel_holds_the_library_only(repository):
    project = tomllib.loads((repository / 'pyproject.toml').read_text())
    assert project['project']['name'] == 'pifpaf-core'
    assert project['tool']['setuptools']['packages']['find']['include'] == ['pifpaf_core*']
    needs = ' '.join(project['project']['dependencies'])
    assert not any(name in needs for name in ('kfp', 'boto3', 'mlflow', 'docker', 'kubernetes'))


def flags_of(name: str) -> list[str]:
    """Sorted long flags of a command."""
    import importlib

    module = importlib.import_module(f'pifpaf_core.{name.replace("-", "_")}')
    parser = command.build_parser(module.COMMAND)
    return sorted(flag for action in parser._actions for flag in action.option_strings if flag.startswith('--'))


@pytest.mark.parametrize('name', COMMANDS)
def test_flags_of_the_commands_are_pinned(repository, name):
    """A flag that disappears or changes its name breaks somebody's script: change the golden file on purpose only."""
    golden = json.loads((repository / 'tests/golden/flags.json').read_text())
    assert flags_of(name) == golden[name]
