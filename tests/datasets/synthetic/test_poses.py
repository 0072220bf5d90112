import numpy as np
import pytest

from pifpaf_core.datasets.synthetic import poses
from pifpaf_core.datasets.synthetic.skeleton import Body, J, Pose, posed


@pytest.mark.parametrize('activity', poses.ACTIVITIES)
def test_all_activities_stay_within_the_limits_and_vary(activity):
    rng = np.random.default_rng(0)
    drawn = [poses.sample(rng, activity=activity) for _ in range(10)]
    for name, pose in drawn:
        assert name == activity and pose.limited() == pose
    assert len({str(pose) for _, pose in drawn}) == 10


def test_activities_come_by_their_frequencies():
    rng = np.random.default_rng(0)
    names = [poses.sample(rng)[0] for _ in range(2000)]
    for name, (_, frequency) in poses.ACTIVITIES.items():
        assert names.count(name) / 2000 == pytest.approx(frequency, abs=0.04)


def pose_of(activity, seed=1) -> Pose:
    return poses.sample(np.random.default_rng(seed), activity=activity)[1]


@pytest.mark.parametrize('seed', range(5))
def test_what_activities_mean(seed):
    def joint(activity, name):
        return posed(Body(), pose_of(activity, seed)).joints[J[name]]

    assert abs(joint('lie', 'crown')[1] - joint('lie', 'pelvis')[1]) < 0.4
    assert joint('stand', 'crown')[1] - joint('stand', 'pelvis')[1] > 0.7
    assert joint('sit', 'l_knee')[2] - joint('sit', 'l_hip')[2] > 0.3
    assert max(joint('raise_arms', f'{s}_wrist')[1] - joint('raise_arms', f'{s}_shoulder')[1] for s in 'lr') > 0.2
    assert joint('crouch', 'l_knee')[1] > joint('crouch', 'l_hip')[1] - 0.25
    assert joint('star', 'l_wrist')[0] - joint('star', 'r_wrist')[0] > 1.0
