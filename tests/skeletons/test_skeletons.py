import importlib
import json

import numpy as np
import pytest

from pifpaf_core.skeletons import Keypoint, Skeleton, skeleton_from_tables
from pifpaf_core.skeletons.cocokp import COCO_PERSON, COCO_PERSON_TREE

ROWS = [('nose', 0.1, (0.0, 1.0)), ('left_eye', 0.1, (-1.0, 1.0)), ('right_eye', 0.1, (1.0, 1.0))]


def test_coco_person():
    assert len(COCO_PERSON.keypoints) == 17
    assert len(COCO_PERSON.connections) == 19
    assert len(COCO_PERSON.dense_connections) == 25
    assert COCO_PERSON.mirror == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


def test_the_kinematic_tree_reaches_each_keypoint_one_way():
    reached = [0]
    for start, end in COCO_PERSON_TREE.connections:
        assert start in reached
        assert end not in reached
        reached.append(end)
    assert sorted(reached) == list(range(17))
    mirrored = {tuple(COCO_PERSON_TREE.mirror[end] for end in pair) for pair in COCO_PERSON_TREE.connections}
    assert mirrored == set(COCO_PERSON_TREE.connections)
    assert COCO_PERSON_TREE.sigmas == COCO_PERSON.sigmas


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


@pytest.mark.parametrize(
    ('name', 'head'),
    [('crowdpose.CROWDPOSE_PERSON', 'crowdpose'), ('animal.ANIMAL', 'animal'), ('wholebody.WHOLEBODY', 'wholebody')],
)
def test_further_skeletons_agree_with_the_ancestor(shared, name, head):
    skeleton = named(name)
    reference = json.loads((shared / 'reference/skeletons.json').read_text())
    cif, caf = reference[head][:2]
    assert_same(skeleton, cif['keypoints'], cif['sigmas'], cif['pose'], caf['skeleton'], cif.get('score_weights', []))
    mirror = reference['hflip'][head]
    if isinstance(mirror, dict):  # the reference holds no table for CrowdPose
        assert [skeleton.names[i] for i in skeleton.mirror] == [mirror.get(name, name) for name in skeleton.names]


@pytest.mark.parametrize('n', [24, 66])
def test_cars_agree_with_the_ancestor(shared, n):
    table = json.loads((shared / 'reference/skeletons.json').read_text())['apollo']
    values = [table[f'CAR_{what}_{n}'] for what in ('KEYPOINTS', 'SIGMAS', 'POSE', 'SKELETON', 'SCORE_WEIGHTS')]
    assert_same(named(f'apollo.CAR_{n}'), *values)


@pytest.mark.parametrize(
    ('name', 'counts', 'unmirrored'),
    [
        ('crowdpose.CROWDPOSE_PERSON', (14, 15), {'head', 'neck'}),
        ('animal.ANIMAL', (20, 20), {'Nose', 'Throat', 'Tail', 'withers'}),
        ('wholebody.WHOLEBODY', (133, 160), None),
        ('apollo.CAR_24', (24, 49), set()),
        ('apollo.CAR_66', (66, 108), set()),
    ],
)
def test_tables_are_complete(name, counts, unmirrored):
    skeleton = named(name)
    assert (len(skeleton.keypoints), len(skeleton.connections)) == counts
    if unmirrored is not None:
        assert {keypoint.name for keypoint in skeleton.keypoints if keypoint.mirror == keypoint.name} == unmirrored


def named(name):
    module, _, attribute = name.partition('.')
    return getattr(importlib.import_module(f'pifpaf_core.skeletons.{module}'), attribute)


def assert_same(skeleton, keypoints, sigmas, pose, connections, score_weights):
    assert list(skeleton.names) == keypoints
    assert list(skeleton.sigmas) == sigmas
    assert np.allclose(skeleton.upright, [xyz[:2] for xyz in pose], atol=1e-6, rtol=0)
    assert [[a + 1, b + 1] for a, b in skeleton.connections] == connections
    assert list(skeleton.score_weights) == score_weights
