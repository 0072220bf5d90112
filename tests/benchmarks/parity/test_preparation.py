"""Schedule and prepared images, against what the golden excerpts hold of the recorded file."""

import numpy as np
import pytest

from benchmarks.parity import preparation


@pytest.fixture
def recorded(repository):
    """Arrays of the recorded format: golden numbers, and one picture of any colours with its mirror image."""
    golden = repository / 'tests' / 'golden'
    with np.load(golden / 'schedule.npz') as schedule, np.load(golden / 'preprocess.npz') as geometry:
        arrays = {'lr_steps': schedule['steps'], 'lr': schedule['multiplier']}
        arrays |= {key: geometry[key] for key in geometry if key.startswith(('hflip', 'rot'))}
    arrays['img'] = np.random.default_rng(0).integers(0, 256, (333, 500, 3)).astype(np.uint8)
    arrays['hflip'] = arrays['img'][:, ::-1]
    return arrays


def compared(arrays, folder):
    np.savez(folder / 'schedule_preprocess.npz', **arrays)
    return {case.name.partition('/')[2]: case for case in preparation.cases(folder)}


def test_golden_numbers_hold(recorded, tmp_path):
    cases = compared(recorded, tmp_path)
    assert all(case.holds for case in cases.values())
    assert {name for name, case in cases.items() if not case.is_absent} == {
        key for key in recorded if key not in ('img', 'lr_steps')
    }
    assert cases['abs641'].is_absent


@pytest.mark.parametrize('key', ['lr', 'hflip', 'hflip_kp', 'rot90_bbox', 'rot180_valid_area'])
def test_a_difference_is_a_failure(key, recorded, tmp_path):
    changed = recorded[key].copy()
    changed.flat[0] = changed.flat[0] + 2 if key != 'lr' else changed.flat[0] * 1.001 + 1e-6
    cases = compared(recorded | {key: changed}, tmp_path)
    assert [name for name, case in cases.items() if not case.holds] == [key]


def test_absent_file(tmp_path):
    assert [case.is_absent for case in preparation.cases(tmp_path)] == [True]
