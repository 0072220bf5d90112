import numpy as np
import pytest
from scenes import A, B, C, chain_decoder, chain_heads

from pifpaf_core.decoders.candidates import bins_of, make_lists, table
from pifpaf_core.decoders.cells import channels_of
from pifpaf_core.decoders.posing import look
from pifpaf_core.headmeta import Caf, Cif


def lists_of(decoder, fields):
    """All lists, each as a table."""
    with decoder.workplace(fields) as (cif, around, memory):
        look(cif, channels_of(Cif), 8, decoder.rules.thresholds, around, memory.cells, memory.seeds)
        tables = []
        for number in range(2 * len(around.association.ends)):
            make_lists(around.candidates, number // 2, around.association.threshold, around.hr)
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


@pytest.mark.parametrize('n', [64, 65, 300])
def test_long_lists_are_sorted_by_bins(scene, n):
    rng = np.random.default_rng(0)
    scene.caf[0, 1].ravel()[:n] = 0.9
    scene.caf[0, 2:6] += rng.normal(0.0, 3.0, scene.caf[0, 2:6].shape)
    decoder = chain_decoder(caf_th=0.05)
    for direction, table_of in enumerate(lists_of(decoder, scene.fields)[:2]):
        assert len(table_of) == n
        x, y = scene.caf[0, 2 + 2 * direction : 4 + 2 * direction].reshape(2, -1)[:, :n] * np.float32(8.0)
        columns, rows = bins_of(scene.size)
        bins = np.clip((y / 16).astype(int), 0, rows - 1) * columns + np.clip((x / 32).astype(int), 0, columns - 1)
        order = np.argsort(bins, kind='stable') if n > 64 else np.arange(n)
        np.testing.assert_allclose(table_of[:, 1], x[order], rtol=1e-6)
        np.testing.assert_allclose(table_of[:, 2], y[order], rtol=1e-6)


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
