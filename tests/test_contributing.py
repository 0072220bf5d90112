"""CONTRIBUTING.md works: each of its examples is written down, installed and used as it says."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pifpaf_core.__main__ import main

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = (REPOSITORY / 'CONTRIBUTING.md').read_text()
SECTIONS = dict(zip(*[iter(re.split(r'^## (.*)$', PAGE, flags=re.MULTILINE)[1:])] * 2, strict=True))
LINES_OF_A_PAGE = 70


def blocks(section, language):
    return re.findall(rf'^```{language}\n(.*?)^```', SECTIONS[section], re.MULTILINE | re.DOTALL)


def write(section, language, folder):
    """Write the files of a section, each under the name in its first line."""
    for text in blocks(section, language):
        path = folder / re.match(r'# (\S+)\n', text)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.partition('\n')[2])
    return folder


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package of the first two examples, installed."""
    import tomllib

    for section in ('A backbone', 'A skeleton'):
        write(section, 'python', tmp_path)
    (toml,) = blocks('A backbone', 'toml')
    project = tomllib.loads(toml)['project']
    info = tmp_path / f'{project["name"].replace("-", "_")}-{project["version"]}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {project["name"]}\nVersion: {project["version"]}\n')
    points = project['entry-points']
    rows = [line for group in points for line in (f'[{group}]', *(f'{a} = {b}' for a, b in points[group].items()))]
    (info / 'entry_points.txt').write_text('\n'.join(rows) + '\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in [name for name in sys.modules if name.partition('.')[0] == 'pifpaf_mine']:
        del sys.modules[name]


def test_there_are_four_examples_of_under_a_page():
    assert list(SECTIONS) == ['A backbone', 'A skeleton', 'A loss', 'A component']
    for text in SECTIONS.values():
        longest = max(len(block.splitlines()) for block in re.findall(r'^```.*?^```', text, re.MULTILINE | re.DOTALL))
        assert longest < LINES_OF_A_PAGE


@pytest.mark.parametrize('section', ['A backbone', 'A skeleton'])
def test_the_commands_are_understood(package, section, capsys):
    (text,) = blocks(section, 'sh')
    program, *arguments = text.split()
    assert program == 'pifpaf'
    assert main([*arguments, '--dry-run']) == 0
    options = json.loads(capsys.readouterr().out)
    assert {'A backbone': options.get('plain-width') == 16, 'A skeleton': options.get('hand-upsample') == 2}[section]


def test_the_backbone_makes_networks(package, tmp_path):
    import torch

    from pifpaf_core import checkpoint, network
    from pifpaf_core.headmeta import CifDet

    meta = CifDet(name='cifdet', dataset='cocodet', categories=('person',))
    net = network.create('plain8', [meta], backbone_options={'plain': {'width': 16}})
    assert (net.stride, net.base_net.out_features) == (8, 16)
    checkpoint.save(
        tmp_path / 'x.safetensors', net, epoch=0, basenet='plain8', backbone_options={'plain': {'width': 16}}
    )
    images = torch.zeros(1, 3, 33, 49)
    loaded = checkpoint.load(tmp_path / 'x.safetensors').network
    assert loaded(images)[0].shape == (1, 1, meta.prediction.n_components, 5, 7)


def test_the_skeleton_has_heads(package):
    from pifpaf_core.datasets import selection

    (module,) = selection.build('hand')
    cif, caf = module.head_metas
    assert (cif.n_fields, caf.n_fields, caf.connections[-1]) == (5, 5, (2, 3))


def test_the_loss_is_one_change(tmp_path):
    shutil.copytree(REPOSITORY / 'pifpaf_core', tmp_path / 'pifpaf_core', ignore=shutil.ignore_patterns('__pycache__'))
    write('A loss', 'python', tmp_path)
    (diff,) = blocks('A loss', 'diff')
    apply = ['git', 'apply', '-']
    subprocess.run(apply, input=diff, text=True, cwd=tmp_path, check=True, timeout=60)
    assert 'scale_absolute' in (tmp_path / 'pifpaf_core/losses/components.py').read_text()
    subprocess.run([sys.executable, 'check_loss.py'], cwd=tmp_path, check=True, timeout=200)


@pytest.fixture
def component(tmp_path, monkeypatch):
    import components

    write('A component', 'python', tmp_path)
    (tmp_path / 'components/count_checkpoints/__init__.py').touch()
    monkeypatch.setattr(components, '__path__', [*components.__path__, str(tmp_path / 'components')])
    yield
    for name in [name for name in sys.modules if name.startswith('components.count_checkpoints')]:
        del sys.modules[name]


def test_the_component_is_compiled(component):
    spec = importlib.import_module('components.count_checkpoints.component').count_checkpoints.component_spec
    assert sorted(spec.inputs) == ['at_least', 'run_root'] and list(spec.outputs) == ['count']
    assert spec.implementation.container.command == ['python3', '-m', 'components.count_checkpoints']


def test_the_program_of_the_component_counts(component, tmp_path, capsys):
    from components.runtime.run_folder import RunFolder
    from pifpaf_core import command

    program = importlib.import_module('components.count_checkpoints.__main__')
    (tmp_path / 'weights').write_bytes(b'x')
    RunFolder(str(tmp_path / 'runs'), 'one').commit_checkpoint(5, tmp_path / 'weights')
    output = tmp_path / 'count'
    told = json.dumps({'outputs': {'parameters': {'count': {'outputFile': str(output)}}}})
    arguments = [f'--run-root={tmp_path / "runs"}', '--run-id=one']
    assert command.main(program.COMMAND, [*arguments, '--executor-input', told]) == 0
    assert output.read_text() == '1'
    assert command.main(program.COMMAND, [*arguments, '--at-least=2']) == 1
    assert 'has 1 checkpoints of 2. Train for more epochs' in capsys.readouterr().err
