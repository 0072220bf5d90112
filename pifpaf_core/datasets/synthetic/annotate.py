"""COCO records of what a drawing shows: exact keypoints, visibility, boxes and areas from the buffer of faces."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .camera import Camera
from .face import FACIAL_KEYPOINTS
from .faces import SCALE
from .figure import Person
from .raster import Drawing
from .scene import Scene
from .skeleton import F, J

Array = npt.NDArray[np.float64]
_BODY = tuple(J[f'{s}_{name}'] for name in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle') for s in 'lr')
_OUTWARDS = 0.006  # body heights from the hip joint to where annotators put the hip
# metres below the visible surface at which a keypoint still counts as seen: a little more than the body is deep there
_DEPTH = np.array(
    [0.05, 0.04, 0.04, 0.05, 0.05, 0.11, 0.11, 0.08, 0.08, 0.07, 0.07, 0.16, 0.16, 0.10, 0.10, 0.09, 0.09]
)
_FEWEST_VISIBLE = 2
_SMALLEST_AREA = 20.0**2
_SMALLEST_CROWD = 10.0**2


def records(scene: Scene, drawing: Drawing, *, image_id: int) -> list[dict[str, Any]]:
    """COCO annotations of the people and crowds that can be seen.

    As in COCO, small or nearly hidden people have a box and no keypoints. Keypoints outside the image are 0, 0, 0.

    Args:
        scene: what was drawn.
        drawing: of the scene.
        image_id: of the image; annotation ids are a thousand times that and a number.
    """
    found = []
    for number, person in enumerate(scene.people, start=1):
        record = _region(drawing, number)
        if record is None:
            continue
        keypoints = _keypoints(person, scene.camera, drawing)
        if (keypoints[:, 2] == 2).sum() < _FEWEST_VISIBLE or record['area'] < _SMALLEST_AREA:
            keypoints[:] = 0
        _hold(record, keypoints)
        found.append(record | _keypoint_entries(keypoints) | {'iscrowd': 0})
    for number, _ in enumerate(scene.crowds, start=len(scene.people) + 1):
        record = _region(drawing, number)
        if record is not None and record['area'] >= _SMALLEST_CROWD:
            runs = run_lengths(_mask(drawing, number))
            found.append(record | _keypoint_entries(np.zeros((17, 3))) | {'iscrowd': 1, 'segmentation': runs})
    return [
        {'id': image_id * 1000 + i, 'image_id': image_id, 'category_id': 1, **record}
        for i, record in enumerate(found, start=1)
    ]


def keypoint_positions(person: Person) -> Array:
    """[17, 3] where COCO's keypoints of a person lie in the world."""
    joints, frames, head = person.bones.joints, person.bones.frames, person.bones.frames[F['head']]
    face = joints[J['head']] + person.body.head * FACIAL_KEYPOINTS @ head.T
    body = joints[list(_BODY)].copy()
    body[6:8] += np.array([[1.0], [-1.0]]) * _OUTWARDS * person.body.height * frames[F['pelvis']][:, 0]
    return np.concatenate([face, body])


def run_lengths(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's uncompressed run lengths of a mask [H, W]: column by column, beginning with zeros."""
    flat = mask.T.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [len(flat)]])).tolist()
    return {'counts': [0, *runs] if flat[0] else runs, 'size': list(mask.shape)}


def _region(drawing: Drawing, owner: int) -> dict[str, Any] | None:
    """Box and area, in pixels, of what is seen of one owner; None if nothing is."""
    left, top, right, bottom = drawing.extents.get(owner, (0, 0, 0, 0))
    faces = drawing.faces[top:bottom, left:right]
    seen = np.take((drawing.owner == owner).astype(np.uint8), faces, mode='clip')
    x, y, width, height = cv2.boundingRect(seen) if seen.size else (0, 0, 0, 0)
    if width == 0:
        return None
    box = [v / SCALE for v in (left + x, top + y, width, height)]
    return {'bbox': box, 'area': cv2.countNonZero(seen) / SCALE**2}


def _mask(drawing: Drawing, owner: int) -> npt.NDArray[np.bool_]:
    """[H, W] where an owner is seen."""
    return np.asarray((drawing.owner == owner)[drawing.faces[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]])


def _keypoints(person: Person, camera: Camera, drawing: Drawing) -> Array:
    """[17, 3] x, y in pixels rounded to hundredths, and visibility 0, 1, 2."""
    xy, depth = camera.project(keypoint_positions(person))
    keypoints = np.zeros((17, 3))
    inside = (depth > 0) & (xy >= 0).all(axis=1) & (xy <= np.array(camera.size) - 1).all(axis=1)
    shown = _depth_around(drawing, xy[inside])
    seen = shown > depth[inside] - _DEPTH[inside] * person.body.height / 1.7
    keypoints[inside, :2] = np.round(xy[inside], 2)
    keypoints[inside, 2] = np.where(seen, 2, 1)
    return keypoints


def _depth_around(drawing: Drawing, xy: Array) -> Array:
    """[n] depth of what is seen at pixels [n, 2]: the median of nine subpixels, so that an edge does not decide."""
    height, width = drawing.faces.shape
    x, y = np.rint(xy * SCALE + (SCALE - 1) / 2).astype(int).T
    columns = np.clip(x[:, None] + np.tile([-1, 0, 1], 3), 0, width - 1)
    rows = np.clip(y[:, None] + np.repeat([-1, 0, 1], 3), 0, height - 1)
    return np.asarray(np.sort(drawing.depth[drawing.faces[rows, columns]], axis=1)[:, 4])


def _hold(record: dict[str, Any], keypoints: Array) -> None:
    """Widen the box, where need be, so that it holds the visible keypoints."""
    visible = keypoints[keypoints[:, 2] == 2, :2]
    if len(visible):
        x, y, w, h = record['bbox']
        low = np.minimum(visible.min(axis=0), (x, y))
        high = np.maximum(visible.max(axis=0), (x + w, y + h))
        record['bbox'] = [round(float(v), 2) for v in (*low, *(high - low))]


def _keypoint_entries(keypoints: Array) -> dict[str, Any]:
    values = [int(v) if v == int(v) else float(v) for v in keypoints.reshape(-1)]
    return {'keypoints': values, 'num_keypoints': int((keypoints[:, 2] > 0).sum())}
