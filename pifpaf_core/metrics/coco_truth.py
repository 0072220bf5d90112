"""Ground truth as pycocotools wants it: what a file leaves out is filled in."""

import json
import os
from collections.abc import Callable, Collection
from typing import Any

from ..readers import read_bytes

Record = dict[str, Any]


def read_truth(
    path: str | os.PathLike[str],
    categories: Collection[int] | None = None,
    *,
    convert: Callable[[Record], Record] | None = None,
) -> Record:
    """A COCO document with the annotations of ``categories`` (None: all), completed for pycocotools.

    Args:
        path: of the file.
        categories: ids.
        convert: brings a document of another layout into COCO's.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        document: Record = json.loads(read_bytes(path))
        document = convert(document) if convert is not None else document
        annotations = document.get('annotations', [])
        chosen = [_completed(a) for a in annotations if categories is None or a['category_id'] in categories]
        return {'images': document['images'], 'categories': document.get('categories', []), 'annotations': chosen}
    except FileNotFoundError:
        raise ValueError(f"annotation file '{path}' is missing. Give a file in COCO format") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"annotation file '{path}' is damaged ({type(error).__name__}: {error}). Fetch it again"
        ) from None


def _completed(annotation: Record) -> Record:
    completed = {'iscrowd': 0, **annotation}
    keypoints = completed.get('keypoints')
    labelled = [(x, y) for x, y, v in zip(*[iter(keypoints)] * 3, strict=True) if v > 0] if keypoints else []
    completed.setdefault('num_keypoints', len(labelled))
    if 'bbox' not in completed:
        low = [min(xy[i] for xy in labelled) if labelled else 0.0 for i in (0, 1)]
        high = [max(xy[i] for xy in labelled) if labelled else 0.0 for i in (0, 1)]
        completed['bbox'] = [*low, high[0] - low[0], high[1] - low[1]]
    completed.setdefault('area', completed['bbox'][2] * completed['bbox'][3])
    return completed
