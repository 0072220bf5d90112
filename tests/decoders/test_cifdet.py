"""Boxes by hand; recorded ones are compared in `test_cifcaf.py`, with all of the golden file."""

import numpy as np
import pytest

from pifpaf_core.annotation import Box
from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.decoders.cifdet import MAX_BOXES
from pifpaf_core.headmeta import CifDet

META = CifDet(name='cifdet', dataset='cocodet', categories=('cat', 'dog')).bound(0, 8)


def decode(field, **options):
    (decoder,) = decoders([META], DecoderOptions(**options))
    return decoder([field])


@pytest.fixture
def field():
    rows, columns = np.indices((15, 20))
    field = np.zeros((2, 6, 15, 20), np.float32)
    field[:, 2:4] = columns, rows
    return field


def put(field, f, x, y, w, h, confidence=0.9, n=4):
    """A patch of n x n cells that say: a box around x, y of size w, h in pixels."""
    left, top = round(x / 8 - (n - 1) / 2), round(y / 8 - (n - 1) / 2)
    values = np.array([confidence, x / 8, y / 8, w / 8, h / 8])
    field[f, 1:, top : top + n, left : left + n] = values[:, None, None]


def test_one_box(field):
    put(field, 1, 80.0, 56.0, 40.0, 30.0)
    (box,) = decode(field)
    assert isinstance(box, Box)
    assert (box.category_id, box.category) == (2, 'dog')
    np.testing.assert_allclose(box.xywh, [60.0, 41.0, 40.0, 30.0], atol=1e-4)
    assert box.score == pytest.approx(0.9, rel=1e-4)


def test_boxes_are_not_clipped(field):
    put(field, 0, 16.0, 16.0, 100.0, 80.0)
    (box,) = decode(field)
    np.testing.assert_allclose(box.xywh, [-34.0, -24.0, 100.0, 80.0], atol=1e-4)


def test_overlap_within_a_category_only(field):
    """The second one keeps a tenth of its score, which is too little to stay."""
    put(field, 0, 64.0, 56.0, 60.0, 60.0, confidence=0.9)
    put(field, 0, 76.0, 56.0, 60.0, 60.0, confidence=0.8, n=2)
    put(field, 1, 80.0, 56.0, 60.0, 60.0, confidence=0.7)
    assert [box.category_id for box in decode(field, seed_threshold=0.1, instance_threshold=0.001)][:2] == [1, 2]
    assert [box.category_id for box in decode(field, seed_threshold=0.1)] == [1, 2]
    lenient = decode(field, seed_threshold=0.1, instance_threshold=0.02)
    assert sorted(round(box.score, 3) for box in lenient)[0] < 0.1


def test_instance_threshold_must_be_exceeded(field):
    put(field, 0, 80.0, 56.0, 40.0, 30.0)
    score = decode(field)[0].score
    assert decode(field, instance_threshold=score) == []
    assert len(decode(field, instance_threshold=score - 1e-6)) == 1
    assert len(decode(field, force_complete_pose=True)) == 1


def test_seed_threshold_and_cif_th(field):
    put(field, 0, 80.0, 56.0, 40.0, 30.0, confidence=0.5)
    assert len(decode(field)) == 1
    assert decode(field, seed_threshold=0.6) == []
    assert decode(field, cif_th=0.6) == []  # no votes, so that seeds keep a tenth


def test_negative_sizes_do_not_vote(field):
    put(field, 0, 80.0, 56.0, -40.0, 30.0)
    assert decode(field) == []


def test_at_most_so_many_boxes():
    rows, columns = np.indices((60, 60))
    field = np.zeros((2, 6, 60, 60), np.float32)
    field[:, 2:4] = columns, rows
    field[:, 1], field[:, 4:] = 0.9, 1.0
    (decoder,) = decoders([META], DecoderOptions(seed_threshold=0.05, instance_threshold=0.0))
    assert len(decoder.candidates([field])[0]) == MAX_BOXES
    assert len(decoder([field])) <= MAX_BOXES


def test_nothing(field):
    assert decode(field) == []


def test_the_same_fields_give_the_same_boxes():
    (decoder,) = decoders([META], DecoderOptions())
    rng = np.random.default_rng(0)
    images = []
    for n in (20, 9, 20):
        field = rng.uniform(0.0, 1.0, (2, 6, 15, n)).astype(np.float32)
        field[:, 2:] *= 15.0
        images.append(field)
    first = [decoder.candidates([field]) for field in images]
    again = [decoder.candidates([field]) for field in images[::-1]][::-1]
    for a, b in zip(first, again, strict=True):
        assert all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))
