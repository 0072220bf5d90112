import itertools

import numpy as np
import pytest

from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.visualize.colors import connection_colors, darker, instance_color, keypoint_colors, oklch


@pytest.mark.parametrize(
    ('arguments', 'rgb'),
    [((0.0, 0.0, 0.0), (0, 0, 0)), ((1.0, 0.0, 0.0), (255, 255, 255)), ((0.628, 0.2577, 29.23), (255, 0, 0))],
)
def test_oklch(arguments, rgb):
    assert np.allclose(np.array(oklch(*arguments)) * 255, rgb, atol=5)


def test_what_cannot_be_shown_loses_chroma_only():
    color = np.array(oklch(0.6, 0.5, 142.0))
    assert (color >= 0).all() and (color <= 1).all()
    assert color.argmax() == 1


def test_connections_are_told_apart():
    colors = connection_colors(COCO_PERSON)
    assert len(colors) == 19
    distances = [np.linalg.norm(np.subtract(a, b)) for a, b in itertools.combinations(colors, 2)]
    assert min(distances) > 0.05


def test_left_is_warm_and_right_is_cool():
    names = COCO_PERSON.names
    for (a, b), color in zip(COCO_PERSON.connections, connection_colors(COCO_PERSON), strict=True):
        if names[a].startswith('left') and names[b].startswith('left'):
            assert color[0] > color[2], (names[a], names[b])
        if names[a].startswith('right') and names[b].startswith('right'):
            assert color[2] > color[0] or color[1] > color[0], (names[a], names[b])


def test_keypoints_take_the_color_of_a_connection():
    assert set(keypoint_colors(COCO_PERSON)) <= set(connection_colors(COCO_PERSON))


def test_instances_differ():
    assert len({instance_color(i) for i in range(50)}) == 50
    assert max(darker((1.0, 0.5, 0.0), 0.5)) == 0.5
