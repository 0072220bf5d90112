"""A data set with a skeleton of its own, declared in a YAML or JSON file: what the file says, checked row by row."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..skeletons import Keypoint, Skeleton

SUFFIXES = ('.yaml', '.yml', '.json')
_TOO_DEEP = 'is nested too deeply. Write rows, as in the documentation of custom data sets'
_ROW = 'name, sigma, x, y, mirror'
_KEYS = ('name', 'keypoints', 'connections', 'dense_connections', 'score_weights', 'categories', 'train', 'val', 'eval')


@dataclass(frozen=True)
class Declaration:
    """What a file declares.

    Attributes:
        name: of the data set, as heads and results carry it.
        skeleton: keypoints and connections.
        categories: ids of the categories that have the skeleton; None for all.
        files: for ``train``, ``val`` and, if given, ``eval``: annotation file and image folder.
    """

    name: str
    skeleton: Skeleton
    categories: tuple[int, ...] | None
    files: Mapping[str, tuple[str, str]]


def read(path: str | Path) -> Declaration:
    """Read a declaration. Relative paths in it are relative to its folder.

    Raises:
        ValueError: the file is missing or damaged, or a row of it makes no sense; the message names the row.
    """
    content = _content(Path(path))
    try:
        return _declaration(content, Path(path).parent)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def _content(path: Path) -> Any:
    try:
        text = path.read_text(encoding='utf-8')
    except FileNotFoundError:
        raise ValueError(f'there is no data set file {path}. Give its path, or the name of a data set') from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} cannot be read ({error}). Write it as UTF-8 text') from error
    if path.suffix == '.json':
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f'{path} is no JSON: {error}. Mend this place') from error
        except RecursionError:
            raise ValueError(f'{path} {_TOO_DEEP}') from None
    try:
        import yaml
    except ImportError:
        raise ValueError(f'{path} needs PyYAML. Install pyyaml, or write the file as JSON') from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'{path} is no YAML: {" ".join(str(error).split())}. Mend this place') from error
    except RecursionError:
        raise ValueError(f'{path} {_TOO_DEEP}') from None


def _declaration(content: Any, folder: Path) -> Declaration:
    if not isinstance(content, dict):
        raise ValueError(f'the file holds no mapping. Give {", ".join(_KEYS)}')
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise ValueError(f"unknown key '{unknown[0]}'. Known: {', '.join(_KEYS)}")
    name = content.get('name')
    if not isinstance(name, str) or not re.fullmatch(r'[a-z][a-z0-9_]*', name):
        raise ValueError(f"name is {name!r}. Give small letters and digits, e.g. 'mydata'; dashes join names")
    return Declaration(name, _skeleton(content), _categories(content.get('categories')), _files(content, folder))


def _skeleton(content: Mapping[str, Any]) -> Skeleton:
    rows = _list(content, 'keypoints')
    if not rows:
        raise ValueError(f'there are no keypoints. Give rows of {_ROW}')
    keypoints = tuple(_keypoint(row, f'keypoints row {i}') for i, row in enumerate(rows, start=1))
    names = [keypoint.name for keypoint in keypoints]
    for i, keypoint in enumerate(keypoints, start=1):
        if keypoint.name in names[: i - 1]:
            raise ValueError(f"keypoints row {i} has the name '{keypoint.name}' again. Names identify keypoints")
        if keypoint.mirror not in names:
            raise ValueError(f"keypoints row {i}: '{keypoint.name}' has the unknown mirror '{keypoint.mirror}'. "
                             'Name the keypoint that it becomes in a mirrored image, itself if it stays')  # fmt: skip
    weights = tuple(_number(w, f'score_weights row {i}') for i, w in enumerate(_list(content, 'score_weights'), 1))
    return Skeleton(
        keypoints, _pairs(content, 'connections', names), _pairs(content, 'dense_connections', names), weights
    )


def _keypoint(row: Any, where: str) -> Keypoint:
    if not isinstance(row, list) or not row or not isinstance(row[0], str):
        raise ValueError(f'{where} is {row!r}. Write [{_ROW}], names in quotation marks')
    where = f"{where}, '{row[0]}'"
    if len(row) == 4 and not isinstance(row[-1], str):
        raise ValueError(
            f'{where}, has no mirror. Add the keypoint that it becomes in a mirrored image, itself if it stays'
        )
    if len(row) == 4:
        raise ValueError(f'{where}, has 2 numbers in place of 3. Write sigma, x and y, e.g. 0.05, -1.4, 8.0')
    if len(row) != 5 or not isinstance(row[4], str):
        raise ValueError(f'{where}, is {row!r}. Write [{_ROW}]')
    sigma, x, y = (_number(value, where) for value in row[1:4])
    if not sigma > 0.0:
        raise ValueError(f'{where}, has sigma {sigma}. Give a positive number, e.g. 0.05')
    return Keypoint(row[0], sigma, (x, y), row[4])


def _pairs(content: Mapping[str, Any], key: str, names: list[str]) -> tuple[tuple[int, int], ...]:
    pairs = []
    for i, row in enumerate(_list(content, key), start=1):
        if not isinstance(row, list) or len(row) != 2:
            raise ValueError(f'{key} row {i} is {row!r}. Write the names of two keypoints, e.g. [neck, head]')
        for end in row:
            if end not in names:
                raise ValueError(f"{key} row {i} has the unknown keypoint '{end}'. Known: {', '.join(names)}")
        if row[0] == row[1]:
            raise ValueError(f"{key} row {i} connects '{row[0]}' with itself. Name two keypoints")
        pairs.append((names.index(row[0]), names.index(row[1])))
    return tuple(pairs)


def _categories(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(type(category) is int for category in value):
        raise ValueError(f'categories is {value!r}. Give a list of category ids, e.g. [1], or leave it out for all')
    return tuple(value)


def _files(content: Mapping[str, Any], folder: Path) -> dict[str, tuple[str, str]]:
    files = {}
    for split in ('train', 'val', 'eval'):
        value = content.get(split)
        if value is None:
            continue
        if not isinstance(value, dict) or set(value) != {'annotations', 'images'}:
            raise ValueError(f'{split} is {value!r}. Give annotations (a COCO file) and images (a folder)')
        files[split] = (str(folder / str(value['annotations'])), str(folder / str(value['images'])))
    return files


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    if value is not None and not isinstance(value, list):
        raise ValueError(f'{key} is no list. Write a row for each')
    return value or []


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f'{where}, has {value!r} where a number belongs. Write e.g. 0.05')
    return float(value)
