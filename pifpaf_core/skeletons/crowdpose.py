"""The person of CrowdPose: 14 keypoints, 15 connections."""

# fmt: off
from . import skeleton_from_tables

CROWDPOSE_PERSON = skeleton_from_tables(
    keypoints=[
        ('left_shoulder', 0.079, (-1.4, 8.0)),
        ('right_shoulder', 0.079, (1.4, 8.0)),
        ('left_elbow', 0.072, (-1.75, 6.0)),
        ('right_elbow', 0.072, (1.75, 6.2)),
        ('left_wrist', 0.062, (-1.75, 4.0)),
        ('right_wrist', 0.062, (1.75, 4.2)),
        ('left_hip', 0.107, (-1.26, 4.0)),
        ('right_hip', 0.107, (1.26, 4.0)),
        ('left_knee', 0.087, (-1.4, 2.0)),
        ('right_knee', 0.087, (1.4, 2.1)),
        ('left_ankle', 0.089, (-1.4, 0.0)),
        ('right_ankle', 0.089, (1.4, 0.1)),
        ('head', 0.079, (0.0, 10.3)),
        ('neck', 0.079, (0.0, 9.3)),
    ],
    connections=[
        (13, 14), (14, 1), (14, 2), (1, 2), (7, 8), (1, 3), (3, 5), (2, 4), (4, 6), (1, 7), (2, 8), (7, 9), (9, 11),
        (8, 10), (10, 12),
    ],
)
