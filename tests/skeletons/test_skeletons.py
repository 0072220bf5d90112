import json

import pytest

from pifpaf_core.skeletons import Keypoint, Skeleton, skeleton_from_tables
from pifpaf_core.skeletons.cocokp import COCO_PERSON

ROWS = [('nose', 0.1, (0.0, 1.0)), ('left_eye', 0.1, (-1.0, 1.0)), ('right_eye', 0.1, (1.0, 1.0))]


def test_coco_person():
    assert len(COCO_PERSON.keypoints) == 17
    assert len(COCO_PERSON.connections) == 19
    assert len(COCO_PERSON.dense_connections) == 25
    assert COCO_PERSON.mirror == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


def test_agrees_with_the_ancestor(shared):
    heads = {head['name']: head for head in json.loads((shared / 'reference/skeletons.json').read_text())['cocokp']}
    cif = heads['cif']
    assert list(COCO_PERSON.names) == cif['keypoints']
    assert list(COCO_PERSON.sigmas) == cif['sigmas']
    assert [list(xy) for xy in COCO_PERSON.upright] == [xyv[:2] for xyv in cif['pose']]
    assert list(COCO_PERSON.score_weights) == cif['score_weights']
    assert [[a + 1, b + 1] for a, b in COCO_PERSON.connections] == heads['caf']['skeleton']
    assert [[a + 1, b + 1] for a, b in COCO_PERSON.dense_connections] == heads['caf25']['skeleton']


def test_mirror_from_names_and_plain_data_and_back():
    skeleton = skeleton_from_tables(ROWS, [(1, 2), (1, 3)])
    assert skeleton.mirror == (0, 2, 1)
    assert Skeleton.from_dict(json.loads(json.dumps(skeleton.to_dict()))) == skeleton


@pytest.mark.parametrize(
    ('rows', 'connections', 'options', 'text'),
    [
        ([*ROWS, ROWS[0]], [], {}, 'occur twice: nose'),
        ([('nose', 0.0, (0.0, 0.0))], [], {}, "'nose' has sigma 0.0"),
        (ROWS, [(1, 4)], {}, r'connection \(0, 3\)'),
        (ROWS, [(1, 1)], {}, r'connection \(0, 0\)'),
        (ROWS, [], {'score_weights': [1.0]}, '1 score weights for 3 keypoints'),
        (ROWS, [], {'mirror': {'nose': 'tail'}}, "unknown mirror 'tail'"),
    ],
)
def test_errors_name_the_row(rows, connections, options, text):
    with pytest.raises(ValueError, match=text):
        skeleton_from_tables(rows, connections, **options)


def test_mirror_must_be_mutual():
    with pytest.raises(ValueError, match='not the other way round'):
        Skeleton((Keypoint('a', 0.1, (0, 0), 'b'), Keypoint('b', 0.1, (0, 0), 'b')), ())
