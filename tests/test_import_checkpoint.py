import json

import pytest
import torch

from pifpaf_core import checkpoint, import_checkpoint
from pifpaf_core.headmeta import CifDet
from pifpaf_core.network import create


@pytest.fixture
def ours(tmp_path):
    path = tmp_path / 'ours.safetensors'
    meta = CifDet(name='cifdet', dataset='cocodet', categories=('person',))
    checkpoint.save(path, create('tiny', [meta]), epoch=1, basenet='tiny')
    return path


def test_it_writes_a_checkpoint_that_says_where_it_comes_from(shared, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    source = shared / 'reference/openpifpaf_0.13.11_checkpoint_k16_upsample2.pkl'
    with caplog.at_level('INFO'):
        assert import_checkpoint.main([str(source)]) == 0
    written = checkpoint.load(tmp_path / 'openpifpaf_0.13.11_checkpoint_k16_upsample2.safetensors')
    original = checkpoint.load(source)
    assert written.epoch == original.epoch == 1
    assert written.metadata['imported'] == original.metadata['imported']
    for name, tensor in original.network.state_dict().items():
        assert torch.equal(written.network.state_dict()[name], tensor)


def test_dry_run_touches_nothing(capsys):
    assert import_checkpoint.main(['absent.pkl', '-o', 'x.safetensors', '--dry-run']) == 0
    resolved = json.loads(capsys.readouterr().out)
    assert (resolved['source'], resolved['output']) == ('absent.pkl', 'x.safetensors')


@pytest.mark.parametrize(
    ('file', 'name'),
    [
        ('a.pkl', 'a.safetensors'),
        ('a-cocokp.pkl.epoch250', 'a-cocokp.epoch250.safetensors'),
        ('a.safetensors', 'a.safetensors'),
    ],
)
def test_name_of_the_output(file, name):
    assert import_checkpoint._output_name(file) == name


def test_ours_need_no_import(ours, capsys):
    assert import_checkpoint.main([str(ours)]) == 1
    assert 'is no checkpoint of OpenPifPaf. If pifpaf train wrote it, use it as it is' in capsys.readouterr().err


def test_a_missing_file_is_one_line(capsys):
    assert import_checkpoint.main(['absent.pkl']) == 1
    assert capsys.readouterr().err == (
        'pifpaf import-checkpoint: there is no checkpoint absent.pkl. '
        'Check the path, or name a published one, e.g. shufflenetv2k16\n'
    )
