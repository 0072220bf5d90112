"""What can be wrong with a COCO file or image, found before anything is computed from it. Needs no torch.

Each problem is one line: file, record, and remedy. Loaders raise the first; ``pifpaf prepare`` collects all.
"""

import json
import os
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..readers import read_bytes

Record = Mapping[str, Any]
_LARGEST = 1e30  # pixels, or pixels squared; also keeps integers out that no float can hold


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A COCO document: an object with the lists ``images``, ``annotations`` and ``categories``.

    ``annotations`` may be absent in a list of test images; it is then empty.

    Raises:
        ValueError: the file is missing, damaged or holds something else. The message names file and remedy.
    """
    try:
        document = json.loads(read_bytes(path).decode())
    except FileNotFoundError:
        raise ValueError(f'{path} is missing. Give a folder in the COCO layout, or run pifpaf prepare') from None
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is damaged: not UTF-8 at byte {error.start}. Fetch or export it again') from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{path} is damaged: {error.msg} at line {error.lineno}, column {error.colno}. Fetch or export it again'
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets within thousands of brackets
        raise ValueError(f'{path} is damaged: no program wrote such JSON. Fetch or export it again') from None
    if not isinstance(document, dict) or not isinstance(document.get('images'), list):
        raise ValueError(f"{path} is no COCO document: it has no list 'images'. Export it in COCO format")
    document.setdefault('annotations', [])
    for key in ('annotations', 'categories'):
        if not isinstance(document.get(key), list):
            raise ValueError(f"{path} is no COCO document: it has no list '{key}'. Export it in COCO format")
    return document


def record_problems(document: Record, *, file: str | os.PathLike[str]) -> Iterator[str]:
    """Everything wrong with the records of a COCO document, one line each; nothing if it is sound.

    Checked are ids (present, unique, known), sizes, file names, boxes, areas, and that each annotation of a category
    with named keypoints has three numbers for each of them.

    Args:
        document: as returned by `read_json`.
        file: what the lines call it.
    """
    categories: dict[Any, int | None] = {}
    for where, category in _named(document['categories'], file, 'category'):
        problem = _repeated(category, categories) or _name_problem(category.get('keypoints', []))
        if problem:
            yield f'{where} {problem}'
        else:
            categories[category['id']] = len(category['keypoints']) if 'keypoints' in category else None
    images: dict[Any, str] = {}
    names: dict[Any, Any] = {}
    for where, image in _named(document['images'], file, 'image'):
        yield from (f'{where} {problem}' for problem in _image_problems(image, images, names))
        if isinstance(image.get('id'), int):  # an image without id is not the one of annotations that name none
            images.setdefault(image['id'], where)
        names.setdefault(_hashable(image.get('file_name')), image.get('id'))
    seen: set[Any] = set()
    for where, annotation in _named(document['annotations'], file, 'annotation'):
        yield from (f'{where} {problem}' for problem in _annotation_problems(annotation, images, categories, seen))
        seen.add(_hashable(annotation.get('id')))


def check_records(document: Record, *, file: str | os.PathLike[str]) -> None:
    """Raise the first of `record_problems`, and how many more there are, as one ``ValueError``."""
    raise_first(record_problems(document, file=file))


def raise_first(problems: Iterable[str]) -> None:
    """Raise ``ValueError`` with the first problem and the number of further ones; nothing if there are none."""
    lines = list(problems)
    if lines:
        more = f' ({len(lines) - 1} more like this; --debug lists all)' if len(lines) > 1 else ''
        raise ValueError(lines[0] + more)


def _named(records: Iterable[Any], file: str | os.PathLike[str], kind: str) -> Iterator[tuple[str, Record]]:
    for position, record in enumerate(records):
        if isinstance(record, dict):
            yield f'{file}: {kind} {record.get("id", f"number {position} (no id)")}', record
        else:
            yield f'{file}: {kind} number {position}', {}


def _repeated(record: Record, seen: Iterable[Any]) -> str | None:
    identity = record.get('id')
    if not isinstance(identity, int) or isinstance(identity, bool):
        return f'has the id {reprlib.repr(identity)}. Give each record an integer id'
    return 'occurs twice. Give each record an id of its own' if identity in seen else None


def _name_problem(keypoints: Any) -> str | None:
    if isinstance(keypoints, list) and all(isinstance(name, str) for name in keypoints):
        return None
    return f'has the keypoints {reprlib.repr(keypoints)}. Give a list of names, or leave them out'


def _image_problems(image: Record, seen: Mapping[Any, str], names: Mapping[Any, Any]) -> Iterator[str]:
    if problem := _repeated(image, seen):
        yield problem
    name = image.get('file_name')
    if not isinstance(name, str) or not name:
        yield f'has the file name {reprlib.repr(name)}. Name a file'
    elif not is_inside(name):
        yield f"has the file name '{name}', which leaves the image folder. Name a file below it"
    elif name in names:
        yield f"has the same file name as image {names[name]}: '{name}'. Keep one record a file"
    for side in ('width', 'height'):
        if not isinstance(image.get(side), int) or image[side] < 1:
            yield f'has the {side} {reprlib.repr(image.get(side))}. Give the number of pixels of the file'


def _annotation_problems(
    annotation: Record, images: Mapping[Any, str], categories: Mapping[Any, int | None], seen: set[Any]
) -> Iterator[str]:
    if problem := _repeated(annotation, seen):
        yield problem
    image, category = _hashable(annotation.get('image_id')), _hashable(annotation.get('category_id'))
    if image not in images:
        yield f'belongs to the unknown image {reprlib.repr(image)}. Add the image or remove the annotation'
    if category not in categories:
        yield f'has the unknown category {reprlib.repr(category)}. Add it to categories or remove the annotation'
    elif (n_keypoints := categories[category]) is not None:
        yield from _keypoint_problems(annotation, n_keypoints)
    if annotation.get('iscrowd', 0) not in (0, 1):
        yield f'has iscrowd {reprlib.repr(annotation["iscrowd"])}. Give 0 or 1'
    box: Any = annotation.get('bbox')
    if 'bbox' in annotation and not (_are_numbers(box, 4) and min(box[2:]) >= 0):
        yield f'has the bbox {reprlib.repr(box)}. Give x, y, width and height in pixels'
    if 'area' in annotation and not (_are_numbers([annotation['area']], 1) and annotation['area'] >= 0):
        yield f'has the area {reprlib.repr(annotation["area"])}. Give the number of pixels'


def _keypoint_problems(annotation: Record, n_keypoints: int) -> Iterator[str]:
    values = annotation.get('keypoints')
    if values is None and annotation.get('iscrowd'):
        return
    if not isinstance(values, list) or len(values) != 3 * n_keypoints:
        count = len(values) if isinstance(values, list) else 'no'
        yield f'has {count} keypoint values in place of {3 * n_keypoints}. Give x, y, v for each keypoint'
        return
    if not _are_numbers(values, len(values)) or not {0, 1, 2}.issuperset(values[2::3]):
        yield 'has keypoints that are no numbers or a visibility other than 0, 1, 2. Write x, y, v for each keypoint'
        return
    labelled = sum(v > 0 for v in values[2::3])
    if annotation.get('num_keypoints', labelled) != labelled:
        yield f'says num_keypoints {annotation["num_keypoints"]} but labels {labelled}. Write {labelled}'


def is_inside(name: str) -> bool:
    """Whether a relative file name, with either slash, stays below the folder that it is relative to."""
    path = PurePosixPath(name.replace('\\', '/'))
    if not path.parts or path.is_absolute():
        return False
    return '..' not in path.parts and '\0' not in name and ':' not in path.parts[0]


def _are_numbers(values: Any, n: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == n
        and all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= _LARGEST for v in values)
    )


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) else repr(value)
