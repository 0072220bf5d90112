import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.skeleton import JOINTS, LIMITS, Body, F, J, Pose, euler, posed


def test_axes_are_left_up_forward():
    np.testing.assert_allclose(euler(90, 0, 0) @ (0, 1, 0), (0, 0, 1), atol=1e-12)  # bending forward
    np.testing.assert_allclose(euler(0, 90, 0) @ (0, -1, 0), (1, 0, 0), atol=1e-12)  # an arm to the left
    np.testing.assert_allclose(euler(0, 0, 90) @ (0, 0, 1), (1, 0, 0), atol=1e-12)  # turning left
    matrix = euler(20, 30, 40)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_a_standing_person_is_as_tall_as_the_body_says():
    bones = posed(Body(height=1.8), Pose(shoulder=[(0, 0, 0)] * 2, elbow=[0, 0], hip=[(0, 0, 0)] * 2, knee=[0, 0]))
    top, bottom = bones.joints[J['crown'], 1], bones.joints[J['l_ankle'], 1] - 0.04 * 1.8
    assert top - bottom == pytest.approx(1.8, abs=0.08)
    left, right = ([bones.joints[J[n]] for n in JOINTS if n.startswith(s)] for s in ('l_', 'r_'))
    np.testing.assert_allclose(np.array(left), np.array(right) * (-1, 1, 1), atol=1e-12)
    assert bones.joints[J['l_shoulder'], 0] > 0


@pytest.mark.parametrize(
    ('pose', 'joint', 'direction'),
    [
        (Pose(shoulder=[(90, 0, 0), (0, 0, 0)], elbow=[0, 0]), 'l_hand', (0, 0, 1)),
        (Pose(shoulder=[(0, 90, 0), (0, 0, 0)], elbow=[0, 0]), 'l_hand', (1, 0, 0)),
        (Pose(shoulder=[(0, 0, 0), (0, 90, 0)], elbow=[0, 0]), 'r_hand', (-1, 0, 0)),
        (Pose(shoulder=[(170, 0, 0), (0, 0, 0)], elbow=[0, 0]), 'l_hand', (0, 1, 0)),
    ],
)
def test_arms_go_where_the_angles_say(pose, joint, direction):
    bones = posed(Body(), pose)
    reach = bones.joints[J[joint]] - bones.joints[J[f'{joint[0]}_shoulder']]
    assert reach @ direction / np.linalg.norm(reach) > 0.97


def test_elbows_and_knees_bend_their_way():
    bones = posed(Body(), Pose(elbow=[90, 0], knee=[90, 0], shoulder=[(0, 0, 0)] * 2, hip=[(0, 0, 0)] * 2))
    assert bones.joints[J['l_wrist'], 2] > bones.joints[J['l_elbow'], 2] + 0.2
    assert bones.joints[J['l_ankle'], 2] < bones.joints[J['l_knee'], 2] - 0.3


def test_bones_keep_their_lengths():
    body = Body()
    straight, bent = (
        posed(body, Pose()),
        posed(body, Pose(root=(30, 10, 5), knee=[80, 120], elbow=[140, 60], spine=(40, 5, 20))),
    )
    for a, b in (
        ('l_hip', 'l_knee'),
        ('r_knee', 'r_ankle'),
        ('l_shoulder', 'l_elbow'),
        ('r_elbow', 'r_wrist'),
        ('waist', 'neck'),
    ):
        lengths = [np.linalg.norm(bones.joints[J[a]] - bones.joints[J[b]]) for bones in (straight, bent)]
        assert lengths[0] == pytest.approx(lengths[1])
    assert bent.frames.shape == (len(F), 3, 3)


def test_limits_clip_each_joint():
    wild = Pose(
        spine=(200, -200, 200), shoulder=[(999, 999, 999), (-999, -999, -999)], elbow=[-50, 500], knee=[-5, 500]
    ).limited()
    assert wild.spine == (75, -25, 35)
    assert wild.shoulder == [(175, 175, 80), (-50, -20, -80)]
    assert wild.elbow == [0, 148] and wild.knee == [0, 150]
    assert set(LIMITS) <= set(vars(wild))
