"""A folder in COCO's layout with a few small pictures, to prepare or to damage."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

NAMES = [f'k{i}' for i in range(17)]


class Folder:
    """Annotation files and images on disk. Change ``documents`` and `save` to damage them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.documents: dict[str, dict[str, Any]] = {}

    def add(self, split: str = 'val', n: int = 3, *, first: int = 1, kind: str = 'person_keypoints') -> 'Folder':
        """A split of ``n`` images with a person each and one crowd region."""
        images = [{'id': i, 'file_name': f'{i:012d}.jpg', 'width': 32, 'height': 24} for i in range(first, first + n)]
        person = {'category_id': 1, 'iscrowd': 0, 'bbox': [1, 1, 20, 20], 'area': 200.0, 'num_keypoints': 2}
        keypoints = [3, 4, 2, 5, 6, 1] + [0] * 45
        annotations = [{'id': 10 * i, 'image_id': i, **person, 'keypoints': keypoints} for i in range(first, first + n)]
        crowd = {
            'category_id': 1,
            'iscrowd': 1,
            'bbox': [0, 0, 9, 9],
            'area': 9.0,
            'num_keypoints': 0,
            'keypoints': [0] * 51,
        }
        annotations.append({'id': 10 * first + 1, 'image_id': first, **crowd})
        categories = [{'id': 1, 'name': 'person', 'keypoints': NAMES, 'skeleton': [[1, 2]]}]
        document = {'images': images, 'annotations': annotations, 'categories': categories}
        self.documents[f'{kind}_{split}2017'] = document
        for image in images:
            path = self.image(split, image['id'])
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(image['id']).integers(0, 256, (24, 32, 3)).astype(np.uint8)
            path.write_bytes(cv2.imencode('.jpg', pixels)[1].tobytes())
        return self.save()

    def image(self, split: str, identity: int) -> Path:
        return self.root / 'images' / f'{split}2017' / f'{identity:012d}.jpg'

    def annotations(self, name: str) -> Path:
        return self.root / 'annotations' / f'{name}.json'

    def save(self) -> 'Folder':
        (self.root / 'annotations').mkdir(parents=True, exist_ok=True)
        for name, document in self.documents.items():
            self.annotations(name).write_text(json.dumps(document))
        return self
