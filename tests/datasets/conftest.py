"""A small data set in COCO's layout, drawn on the spot."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pifpaf_core.datasets.cocokp import CocoKp
from pifpaf_core.encoders import EncoderOptions


@dataclass
class CocoFolder:
    """Files on disk; change ``document`` and `save` to damage them."""

    root: Path
    document: dict[str, Any] = field(default_factory=lambda: {'images': [], 'annotations': [], 'categories': []})

    @property
    def annotations(self) -> str:
        return str(self.root / 'annotations.json')

    @property
    def images(self) -> str:
        return str(self.root / 'images')

    def save(self) -> 'CocoFolder':
        Path(self.annotations).write_text(json.dumps(self.document))
        return self

    def add_image(self, people: int = 1, *, width: int = 96, height: int = 64, **changes: Any) -> None:
        """A picture of its own with so many people, all joints labelled."""
        number = len(self.document['images']) + 1
        pixels = np.random.default_rng(number).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
        path = self.root / 'images' / f'{number:03d}.jpg'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(pixels, (width, height)))
        self.document['images'].append({'id': number, 'file_name': path.name, 'width': width, 'height': height})
        for i in range(people):
            self.add_person(number, left=5 + 30 * i, **changes)

    def add_person(self, image_id: int, *, left: float = 5, **changes: Any) -> None:
        x, y = left + 2.0 * (np.arange(17) % 5), 4.0 + 3.0 * np.arange(17)
        record = {
            'id': len(self.document['annotations']) + 1, 'image_id': image_id, 'category_id': 1, 'iscrowd': 0,
            'bbox': [left, 4.0, 9.0, 49.0], 'area': 400.0, 'num_keypoints': 17,
            'keypoints': np.stack([x, y, np.full(17, 2)], axis=1).reshape(-1).tolist(), **changes,
        }  # fmt: skip
        self.document['annotations'].append(record)

    def options(self, **changes: Any) -> Any:
        """Options of cocokp for this folder."""
        files = {'annotations': self.annotations, 'image_dir': self.images}
        paths = {f'{split}_{name}': value for split in ('train', 'val') for name, value in files.items()}
        return CocoKp.Options(**{'square_edge': 65, **paths, **changes})


@pytest.fixture
def make_folder(tmp_path):
    """Makes a folder with ``n`` images of 96x64 pixels, one person in each."""

    def make(n: int = 4, name: str = 'data') -> CocoFolder:
        names = [f'keypoint{i}' for i in range(17)]
        folder = CocoFolder(tmp_path / name)
        folder.root.mkdir()
        folder.document['categories'] = [{'id': 1, 'name': 'person', 'keypoints': names}]
        for _ in range(n):
            folder.add_image()
        return folder.save()

    return make


@pytest.fixture
def folder(make_folder):
    """Four images."""
    return make_folder()


@pytest.fixture
def encoder():
    """Options of the encoders."""
    return EncoderOptions()
