import dataclasses

import cv2
import numpy as np
import pytest

from pifpaf_core.annotation import Box, GroundTruth
from pifpaf_core.headmeta import CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.visualize.options import ShowOptions
from pifpaf_core.visualize.poses import ground_truth_poses, save_poses


def drawn(tmp_path, image, annotations, **options):
    """The pixels of a picture."""
    path = tmp_path / 'picture.png'
    save_poses(path, image, annotations, options=ShowOptions(**options))
    return cv2.imread(str(path))[..., ::-1]


def test_the_picture_has_the_photograph_s_pixels(tmp_path, image, pose):
    picture = drawn(tmp_path, image, [pose])
    assert picture.shape == image.shape
    outside = np.ones(image.shape[:2], bool)
    outside[:, 10:87] = False
    assert (picture[outside] == image[outside]).all()
    assert (picture[~outside] != image[~outside]).any()


@pytest.mark.parametrize('size', [(427, 640), (640, 425), (333, 500), (129, 97), (682, 1023)])
def test_every_size_comes_out_as_it_went_in(tmp_path, size):
    image = np.random.default_rng(1).integers(0, 255, (*size, 3), np.uint8)
    assert (drawn(tmp_path, image, []) == image).all()


@pytest.mark.parametrize(
    'options',
    [
        {'textbox_alpha': 0.1},
        {'text_color': 'red'},
        {'font_size': 4.0},
        {'font_size': 0.0},
        {'monocolor_connections': True},
        {'line_width': 4.0},
        {'skeleton_solid_threshold': 0.0},
        {'show_box': True},
        {'white_overlay': 0.5},
        {'show_joint_scales': True},
        {'show_joint_confidences': True},
        {'show_decoding_order': True},
        {'show_only_decoded_connections': True},
        {'image_width': 1.0},
        {'image_height': 1.0},
        {'image_min_dpi': 100.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_option_shows(tmp_path, image, pose, options):
    plain = drawn(tmp_path, image, [pose])
    changed = drawn(tmp_path, image, [pose], **options)
    assert plain.shape == changed.shape
    assert (plain != changed).any()


def test_resolution(tmp_path, image, pose):
    assert drawn(tmp_path, image, [pose], image_dpi_factor=2.0).shape == (322, 194, 3)
    assert drawn(tmp_path, image, [pose], image_width=4.0).shape[1] == 200
    assert drawn(tmp_path, image, [pose], image_height=8.0, image_min_dpi=40.0).shape[0] == 320


def test_a_copied_keypoint_is_not_drawn(tmp_path, image, pose):
    without = pose.keypoints.copy()
    without[10] = 0.0
    same = dataclasses.replace(pose, keypoints=without)
    assert (drawn(tmp_path, image, [pose], font_size=0) == drawn(tmp_path, image, [same], font_size=0)).all()


def test_a_pose_without_keypoints_draws_nothing(tmp_path, image, pose):
    empty = dataclasses.replace(pose, keypoints=np.zeros((17, 3)), scales=np.zeros(17))
    assert (drawn(tmp_path, image, [empty]) == image).all()


def test_boxes_have_a_label(tmp_path, image):
    meta = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle'))
    box = Box(meta, np.array([20.0, 30.0, 40.0, 50.0]), 0.8, 2)
    picture = drawn(tmp_path, image, [box], font_size=0)
    assert (picture[29:32, 30:50] != image[29:32, 30:50]).any()
    assert (picture[40:70, 30:50] == image[40:70, 30:50]).all()
    assert (drawn(tmp_path, image, [box]) != picture).any()


def test_ground_truth_is_dashed_where_it_is_hidden():
    keypoints = np.zeros((2, 17, 3))
    keypoints[0, :3] = [[5, 6, 2], [7, 8, 1], [9, 9, 0]]
    truth = GroundTruth(keypoints, np.zeros((2, 4)), np.array([False, True]), np.ones(2, int))
    (pose,) = ground_truth_poses(truth, COCO_PERSON)
    assert pose.keypoints[0].tolist() == [5, 6, 1]
    assert 0.0 < pose.keypoints[1, 2] < ShowOptions().skeleton_solid_threshold
    assert pose.keypoints[2].tolist() == [0, 0, 0]


@pytest.mark.parametrize('suffix', ['jpeg', 'jpg', 'png', 'pdf', 'svg'])
def test_formats(tmp_path, image, pose, suffix):
    save_poses(tmp_path / f'a.{suffix}', image, [pose])
    assert [path.name for path in tmp_path.iterdir()] == [f'a.{suffix}']


def test_an_unknown_format_leaves_nothing_behind(tmp_path, image, pose):
    with pytest.raises(ValueError, match=r"a\.txt' names no picture format. Use \.jpeg"):
        save_poses(tmp_path / 'a.txt', image, [pose])
    assert list(tmp_path.iterdir()) == []


def test_no_window_without_a_display(tmp_path, image, pose):
    with pytest.raises(ValueError, match='--show needs a display'):
        save_poses(None, image, [pose], options=ShowOptions(show=True))
