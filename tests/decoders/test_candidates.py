import numpy as np
import pytest
from scenes import A, B, C, chain_decoder, chain_heads

from pifpaf_core.decoders.candidates import bands_of, make_lists, near, table
from pifpaf_core.decoders.cells import channels_of
from pifpaf_core.decoders.posing import look
from pifpaf_core.headmeta import Caf, Cif


def lists_of(decoder, fields):
    """All lists, each as a table."""
    with decoder.workplace(fields) as (cif, around, memory):
        look(cif, channels_of(Cif), 8, decoder.rules.thresholds, around, memory.cells, memory.seeds)
        tables = []
        for number in range(2 * len(around.association.ends)):
            make_lists(around.candidates, number // 2, around.association, around.hr)
            tables.append(table(around.candidates.lists, number))
        return tables


def test_both_directions(chain):
    forward, backward, *_ = lists_of(chain_decoder(), chain.fields)
    assert forward.shape == backward.shape == (3, 6)
    np.testing.assert_allclose(forward[:, 1:], [[*A, *B, 16.0]] * 3, rtol=1e-6)
    np.testing.assert_allclose(backward[:, 1:], [[*B, *A, 16.0]] * 3, rtol=1e-6)


def test_confidence_is_a_tenth_without_support(chain):
    """The second connection leads to a keypoint that the Cif field does not have."""
    for threshold, n in ((0.08, 3), (0.0901, 0)):
        *_, forward, backward = lists_of(chain_decoder(caf_th=threshold), chain.fields)
        assert len(forward) == n
        assert len(backward) == 3
    *_, forward, backward = lists_of(chain_decoder(caf_th=0.08), chain.fields)
    np.testing.assert_allclose(forward[:, 0], 0.09, rtol=1e-6)
    np.testing.assert_allclose(backward[:, 0], 0.9 * (0.1 + 0.9 * 0.9), rtol=1e-5)


def test_sorted_by_bands(scene):
    rng = np.random.default_rng(0)
    scene.caf[0, 1] = 0.9
    scene.caf[0, 2:6] += rng.normal(0.0, 3.0, scene.caf[0, 2:6].shape)
    forward, *_ = lists_of(chain_decoder(caf_th=0.05), scene.fields)
    assert len(forward) == 300
    bands = np.clip((forward[:, 2] / 4.0).astype(int), 0, bands_of(113) - 1)
    assert (np.diff(bands) >= 0).all()


def test_near_finds_all_between_two_rows(scene):
    rng = np.random.default_rng(1)
    scene.caf[0, 1] = 0.9
    scene.caf[0, 2:6] += rng.normal(0.0, 3.0, scene.caf[0, 2:6].shape)
    decoder = chain_decoder(caf_th=0.05)
    with decoder.workplace(scene.fields) as (cif, around, memory):
        look(cif, channels_of(Cif), 8, decoder.rules.thresholds, around, memory.cells, memory.seeds)
        make_lists(around.candidates, 0, around.association, around.hr)
        lists = around.candidates.lists
        y = lists.points[0, 2, :300]
        for top, bottom in ((-200.0, -150.0), (-5.0, 3.0), (40.0, 40.5), (50.0, 90.0), (100.0, 400.0)):
            start, stop = near(lists, 0, np.float32(top), np.float32(bottom))
            between = np.flatnonzero((y >= top) & (y <= bottom))
            assert ((between >= start) & (between < stop)).all()
            assert stop - start <= ((y >= top - 4.0) & (y <= bottom + 4.0)).sum() + (y < 4.0).sum() + (y > 108.0).sum()


@pytest.mark.parametrize('component', [2, 3, 4, 5])
def test_a_regression_that_is_no_number_is_no_candidate(chain, component):
    row, column = np.argwhere(chain.caf[0, 1])[0]
    chain.caf[0, component, row, column] = np.nan
    forward, backward, *_ = lists_of(chain_decoder(), chain.fields)
    assert len(forward) == len(backward) == 2


def test_dense_connections_come_behind(chain):
    chain.connect(0, A, C, dense=True, confidence=0.8, n=2)
    tables = lists_of(chain_decoder(dense_connections=0.5, caf_th=0.03), chain.fields)
    assert [len(t) for t in tables] == [3, 3, 3, 3, 2, 2]
    np.testing.assert_allclose(tables[4][:, 0], 0.5 * 0.8 * 0.1, rtol=1e-6)
    np.testing.assert_allclose(tables[4][:, 3:5], [C] * 2)
    assert len(lists_of(chain_decoder(caf_th=0.03), chain.fields)) == 4


def test_channels_follow_the_layout():
    from pifpaf_core.decoders.candidates import caf_channels

    channels, layout = caf_channels(), Caf.prediction
    assert channels == (layout.confidence, (2, 4), (layout.scale(0), layout.scale(1)))
    assert chain_heads()[2].connections == ((0, 2),)
