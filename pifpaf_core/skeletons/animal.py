"""The four-legged animal of Animal-Pose: 20 keypoints, 20 connections."""

# fmt: off
from . import skeleton_from_tables

ANIMAL = skeleton_from_tables(
    keypoints=[
        ('Nose', 0.026, (0.0, 4.3)),
        ('L_eye', 0.025, (-0.4, 4.7)),
        ('R_eye', 0.025, (0.4, 4.7)),
        ('L_ear', 0.035, (-0.7, 5.0)),
        ('R_ear', 0.035, (0.7, 5.0)),
        ('Throat', 0.079, (0.2, 3.0)),
        ('Tail', 0.079, (6.7, 3.8)),
        ('withers', 0.079, (0.8, 4.0)),
        ('L_F_elbow', 0.072, (1.0, 2.0)),
        ('R_F_elbow', 0.072, (0.6, 2.2)),
        ('L_B_elbow', 0.072, (5.8, 2.1)),
        ('R_B_elbow', 0.072, (6.3, 2.3)),
        ('L_F_knee', 0.087, (0.8, 0.8)),
        ('R_F_knee', 0.087, (0.4, 1.0)),
        ('L_B_knee', 0.087, (6.0, 0.9)),
        ('R_B_knee', 0.087, (6.5, 1.1)),
        ('L_F_paw', 0.089, (1.0, 0.0)),
        ('R_F_paw', 0.089, (0.6, 0.2)),
        ('L_B_paw', 0.089, (6.0, 0.1)),
        ('R_B_paw', 0.089, (6.5, 0.3)),
    ],
    connections=[
        (1, 2), (1, 3), (1, 6), (2, 4), (3, 5), (2, 3), (6, 8), (6, 9), (6, 10), (7, 8), (7, 11), (7, 12), (10, 14),
        (14, 18), (9, 13), (13, 17), (12, 16), (16, 20), (11, 15), (15, 19),
    ],
    mirror={
        'L_eye': 'R_eye', 'L_ear': 'R_ear', 'L_F_elbow': 'R_F_elbow', 'L_B_elbow': 'R_B_elbow', 'L_F_knee': 'R_F_knee',
        'L_B_knee': 'R_B_knee', 'L_F_paw': 'R_F_paw', 'L_B_paw': 'R_B_paw',
    },
    score_weights=[5.0] * 5 + [3.0] * 5 + [1.0] * 5 + [0.5] * 5,
)
