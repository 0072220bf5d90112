"""`python -m benchmarks.parity DIR`: every file, every case, one JSON object, an exit code."""

import json

import numpy as np
import pytest

from benchmarks.parity import __main__ as parity


@pytest.fixture
def only(monkeypatch):
    """Compare nothing but targets and losses; the networks take long."""
    monkeypatch.setattr(parity, 'PIECES', ('encoders', 'losses'))


def run(folder, capsys):
    code = parity.main([str(folder)])
    return code, json.loads(capsys.readouterr().out)


def test_golden_files(repository, only, capsys):
    code, cases = run(repository / 'tests' / 'golden', capsys)
    assert code == 0
    assert cases['encoder_targets/n5/s16/cif']['holds'] is True
    assert cases['encoder_targets/n1/s16/cif']['absent'] is True
    assert cases['losses/caf/grad2']['tolerance'] == 1e-4
    assert cases['encoder_targets/det/s8/cifdet']['note'] == '33 values left out'


def test_absent_files_are_no_failure(tmp_path, only, capsys):
    code, cases = run(tmp_path, capsys)
    assert code == 0
    assert set(cases) == {'encoder_targets', 'losses'}
    assert all(case['absent'] for case in cases.values())


def test_a_difference_is_a_failure(repository, tmp_path, only, capsys):
    with np.load(repository / 'tests' / 'golden' / 'encoder_targets.npz') as recorded:
        arrays = dict(recorded)
    arrays['n5/s16/cif'][3, 1, np.isfinite(arrays['n5/s16/cif'][3, 1])] += 0.01
    np.savez(tmp_path / 'encoder_targets.npz', **arrays)
    code, cases = run(tmp_path, capsys)
    assert code == 1
    assert [name for name, case in cases.items() if not case.get('holds', True)] == ['encoder_targets/n5/s16/cif']
    assert cases['encoder_targets/n5/s16/cif']['difference'] == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize('content', [b'', b'no archive', b'PK\x03\x04 torn'])
def test_a_damaged_file_is_a_failure(content, tmp_path, only, capsys):
    (tmp_path / 'losses.npz').write_bytes(content)
    code, cases = run(tmp_path, capsys)
    assert code == 1
    assert cases['losses']['holds'] is False


def test_a_case_that_lacks_something_is_a_failure(repository, tmp_path, only, capsys):
    with np.load(repository / 'tests' / 'golden' / 'losses.npz') as recorded:
        np.savez(tmp_path / 'losses.npz', **{key: recorded[key] for key in recorded if key != 'cif/t'})
    code, cases = run(tmp_path, capsys)
    assert code == 1
    assert 'KeyError' in cases['losses/cif/grad0']['note']
    assert cases['losses/caf/grad0']['holds'] is True


def test_other_cases_of_the_same_format(repository, tmp_path, only, capsys):
    """Other names, numbers of people and image sizes."""
    with np.load(repository / 'tests' / 'golden' / 'encoder_targets.npz') as recorded:
        arrays = {key.replace('n5/', 'crowd/of-five/'): recorded[key] for key in recorded if key.startswith('n5/')}
        arrays['crowd/of-five/s16/cif'] = arrays['crowd/of-five/s16/cif'][:, :, :20, :30]
    np.savez(tmp_path / 'encoder_targets.npz', **arrays)
    code, cases = run(tmp_path, capsys)
    assert code == 0
    assert {name for name, case in cases.items() if 'holds' in case} == {
        f'encoder_targets/crowd/of-five/{part}' for part in ('s16/cif', 's16/caf', 'scales_s16')
    }


def test_no_folder(tmp_path, capsys):
    assert parity.main([str(tmp_path / 'nowhere')]) == 2
    assert capsys.readouterr().err.count('\n') == 1
