"""The person of COCO: 17 keypoints, 19 connections, 25 dense ones, 16 of a tree. Source: COCO 2017, FIELDS 4 and 6."""

from dataclasses import replace

from . import skeleton_from_tables

COCO_PERSON = skeleton_from_tables(
    keypoints=[
        ('nose', 0.026, (0.0, 9.3)),
        ('left_eye', 0.025, (-0.35, 9.7)),
        ('right_eye', 0.025, (0.35, 9.7)),
        ('left_ear', 0.035, (-0.7, 9.5)),
        ('right_ear', 0.035, (0.7, 9.5)),
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
    ],
    connections=[
        (16, 14),
        (14, 12),
        (17, 15),
        (15, 13),
        (12, 13),
        (6, 12),
        (7, 13),
        (6, 7),
        (6, 8),
        (7, 9),
        (8, 10),
        (9, 11),
        (2, 3),
        (1, 2),
        (1, 3),
        (2, 4),
        (3, 5),
        (4, 6),
        (5, 7),
    ],
    dense_connections=[
        (1, 4),
        (1, 5),
        (4, 5),
        (1, 6),
        (1, 7),
        (2, 6),
        (3, 7),
        (6, 13),
        (7, 12),
        (6, 10),
        (7, 11),
        (8, 9),
        (10, 11),
        (10, 12),
        (11, 13),
        (10, 14),
        (11, 15),
        (12, 15),
        (13, 14),
        (12, 16),
        (13, 17),
        (14, 17),
        (15, 16),
        (14, 15),
        (16, 17),
    ],
    score_weights=[3.0, 3.0, 3.0] + [1.0] * 14,
)

# From the nose outwards, as a body hangs together: no connection closes a circle, so each keypoint is reached one way.
_TREE = (
    *((1, 2), (1, 3), (2, 4), (3, 5)),
    *((1, 6), (1, 7), (6, 8), (7, 9), (8, 10), (9, 11)),
    *((6, 12), (7, 13), (12, 14), (13, 15), (14, 16), (15, 17)),
)
COCO_PERSON_TREE = replace(
    COCO_PERSON, connections=tuple((start - 1, end - 1) for start, end in _TREE), dense_connections=()
)
"""The same keypoints, connected as a kinematic tree."""
