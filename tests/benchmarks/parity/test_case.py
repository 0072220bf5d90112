"""What holds, what does not, and what is absent."""

import zipfile

import numpy as np
import pytest

from benchmarks.parity.case import Case

NAN = np.nan
RECORDED = np.array([[0.5, -100.0], [NAN, 2.0]])


def compare(ours, **kwargs):
    return Case.compared('x', np.array(ours), RECORDED, tolerance=1e-3, **kwargs)


@pytest.mark.parametrize(
    ('ours', 'difference', 'holds'),
    [
        ([[0.5, -100.0], [NAN, 2.0]], 0.0, True),
        ([[0.5009, -100.0], [NAN, 2.0]], 9e-4, True),
        ([[0.502, -100.0], [NAN, 2.0]], 2e-3, False),
        ([[0.5, -100.05], [NAN, 2.0]], 5e-4, True),  # relative above 1
        ([[0.5, -100.5], [NAN, 2.0]], 5e-3, False),
        ([[0.5, np.inf], [NAN, 2.0]], np.inf, False),
    ],
)
def test_differences(ours, difference, holds):
    case = compare(ours)
    assert case.difference == pytest.approx(difference, rel=1e-6)
    assert case.holds is holds
    assert case.note == ''


def test_nan_at_another_place():
    case = compare([[0.5, -100.0], [1.0, 2.0]])
    assert (case.difference, case.holds, case.note) == (0.0, False, '1 NaN at other places')
    assert not compare([[NAN, -100.0], [NAN, 2.0]]).holds


def test_relative_to_the_largest():
    assert compare([[0.55, -100.0], [NAN, 2.0]], relative_to_largest=True).difference == pytest.approx(5e-4)


def test_excluded():
    case = compare([[9.0, -100.0], [1.0, 2.0]], excluded=np.array([[True, False], [True, False]]))
    assert (case.difference, case.holds, case.note) == (0.0, True, '2 values left out')


def test_another_shape():
    case = Case.compared('x', np.zeros(3), np.zeros(2), tolerance=1.0)
    assert (case.holds, case.is_absent, case.note) == (False, False, 'shape [3], recorded [2]')


def test_nothing_to_compare_holds():
    assert Case.compared('x', np.full(2, NAN), np.full(2, NAN), tolerance=0.0).difference == 0.0
    assert Case.compared('x', np.zeros(0), np.zeros(0), tolerance=0.0, relative_to_largest=True).holds


def test_json():
    assert Case('x', 0.25, 1.0, True).to_json() == {'difference': 0.25, 'tolerance': 1.0, 'holds': True}
    assert Case.absent('x').to_json() == {'absent': True, 'note': 'absent'}
    assert Case.failed('x', 'why').to_json() == {'difference': None, 'tolerance': 0.0, 'holds': False, 'note': 'why'}


@pytest.mark.parametrize('error', [KeyError('cif/x'), ValueError('shape'), OSError('gone'), zipfile.BadZipFile('torn')])
def test_attempted(error):
    def fail():
        raise error

    case = Case.attempted('x', fail)
    assert not case.holds
    assert type(error).__name__ in case.note
    assert Case.attempted('x', lambda: Case('x', 0.0, 0.0, True)).holds
