"""Whether a zip is what COCO's evaluation server takes; asked before anything is published."""

import json
import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

MEMBER = 'predictions.json'


def check(path: Path, image_ids: Collection[int], *, n_keypoints: int | None) -> int:
    """Look at every prediction in the zip; returns how many there are.

    Args:
        path: the zip.
        image_ids: of the images that were to be predicted.
        n_keypoints: numbers of keypoints of a prediction; None for boxes.

    Raises:
        ValueError: the server would refuse the zip, or score nothing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.namelist() != [MEMBER]:
                raise ValueError(f'{path} holds {archive.namelist()}, not exactly {MEMBER}. Run the stage again')
            records = json.loads(archive.read(MEMBER))
    except (zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise ValueError(f'{path} is damaged: {error}. Run the stage again') from error
    if not isinstance(records, list) or not records:
        raise ValueError(f'{path} holds no predictions. Evaluate a trained checkpoint, or lower --instance-threshold')
    known = set(image_ids)
    for number, record in enumerate(records):
        problem = _problem(record, known, n_keypoints)
        if problem:
            raise ValueError(f'{path}: prediction {number} {problem}. The server would refuse it; report this')
    return len(records)


def _problem(record: Any, image_ids: Collection[int], n_keypoints: int | None) -> str | None:
    if not isinstance(record, dict) or record.get('image_id') not in image_ids:
        return 'is of no image of the list'
    if not isinstance(record.get('category_id'), int):
        return 'has no category'
    wanted = {'bbox': 4} if n_keypoints is None else {'keypoints': 3 * n_keypoints}
    for name, count in wanted.items():
        values = record.get(name)
        if not isinstance(values, list) or len(values) != count:
            return f'has not {count} numbers in {name}'
    numbers = [record.get('score'), *(value for name in wanted for value in record[name])]
    return None if all(isinstance(v, int | float) and math.isfinite(v) for v in numbers) else 'holds what is no number'
