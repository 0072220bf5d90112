"""Whether a zip has the form that COCO's evaluation servers take. Reads what strangers made; needs no torch.

Memory is bounded whatever the file claims: sizes are compared with limits before anything is unpacked, and records are
parsed one after another.
"""

import json
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .submission import MEMBER

MAX_BYTES = 512 * 2**20
"""Of the zip and of what is in it. Twenty poses in each of the 20,288 images of test-dev2017 are less than half."""

MAX_RECORD = 20_000  # characters; a pose of 17 keypoints has about 400

_SPACE = re.compile(r'[ \t\r\n]*')

REMEDY = 'Write the zip again with pifpaf eval --write-predictions'


@dataclass(frozen=True)
class Form:
    """What the records of one kind of submission look like.

    Attributes:
        name: of what a record describes, in the plural.
        values: key of its numbers.
        count: how many numbers.
        per_image: records that an image may have.
        categories: allowed category ids; empty allows every positive one.
    """

    name: str
    values: str
    count: int
    per_image: int
    categories: tuple[int, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """Exactly the keys of a record."""
        return frozenset(('image_id', 'category_id', self.values, 'score'))


POSES = Form('poses', 'keypoints', 51, 20, (1,))
BOXES = Form('boxes', 'bbox', 4, 100)


@dataclass(frozen=True)
class Contents:
    """What a sound submission holds.

    Attributes:
        form: of its records.
        n_records: how many.
        n_images: images that have any.
    """

    form: Form
    n_records: int
    n_images: int


def check_zip(path: str | os.PathLike[str], *, image_ids: Collection[int] | None = None) -> Contents:
    """Look at every record of a submission; poses, or boxes if the first record is one.

    Args:
        path: of the zip.
        image_ids: of the images that may be predicted; None does not check them.

    Raises:
        ValueError: the file is missing or damaged, or a server would refuse it. The message names the first wrong
            record, counted from 0, and says how many there are.
    """
    known = None if image_ids is None else frozenset(image_ids)
    form: Form | None = None
    counts: Counter[int] = Counter()
    wrong: list[str] = []
    n_wrong = n_records = 0
    try:
        for number, record in enumerate(_records(_text(Path(path)))):
            form = form or (BOXES if 'bbox' in record and 'keypoints' not in record else POSES)
            problem = _problem(record, form, known) or _too_many(record, form, counts)
            n_records += 1
            if problem:
                n_wrong += 1
                wrong = wrong or [f'record {number}{_image(record)} {problem}']
    except ValueError as error:
        raise ValueError(f'{path} {error}. {REMEDY}') from error
    if wrong:
        more = f' ({n_wrong - 1} more are wrong)' if n_wrong > 1 else ''
        raise ValueError(f'{path} would be refused: {wrong[0]}{more}. {REMEDY}')
    if form is None:
        raise ValueError(f'{path} holds no predictions. Evaluate a trained checkpoint, or lower --instance-threshold')
    return Contents(form, n_records, len(counts))


def _text(path: Path) -> str:
    """The one file of the zip, whole and undamaged."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f'has {size} bytes, more than any submission')
        with zipfile.ZipFile(path) as archive:
            return _member(archive).decode('ascii')
    except UnicodeDecodeError as error:
        raise ValueError(f'is damaged: {MEMBER} is not plain JSON at byte {error.start}') from error
    except OSError as error:
        raise ValueError(f'cannot be read: {error.strerror}') from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f'is no whole zip: {error}') from error


def _member(archive: zipfile.ZipFile) -> bytes:
    names = archive.namelist()
    if names != [MEMBER]:
        shown = ', '.join(name[:60] for name in names[:3]) + (', ...' if len(names) > 3 else '')
        raise ValueError(f'holds {shown or "nothing"}, not exactly {MEMBER}')
    info = archive.infolist()[0]
    if info.flag_bits & 1:
        raise ValueError('is encrypted')
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError('is packed by another method than deflate')
    if info.file_size > MAX_BYTES:
        raise ValueError(f'would unpack to {info.file_size} bytes, more than any submission')
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ValueError(f'is damaged: {MEMBER} has {len(content)} bytes and not {info.file_size}')
    return content


def _records(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON list, which hold no objects themselves, one after another."""
    position = _skip(text, 0)
    if text[position : position + 1] != '[':
        raise ValueError(f'is damaged: {MEMBER} is no list of records')
    position = _skip(text, position + 1)
    more = text[position : position + 1] != ']'
    number = 0
    while more:
        end = text.find('}', position, position + MAX_RECORD) + 1
        if text[position : position + 1] != '{' or not end:
            raise ValueError(f'is damaged: record {number} is no JSON object of names and numbers')
        yield _parsed(text[position:end], number)
        position = _skip(text, end)
        more = text[position : position + 1] == ','
        if not more and text[position : position + 1] != ']':
            raise ValueError(f'is damaged: {MEMBER} breaks off after record {number}')
        position = _skip(text, position + 1) if more else position
        number += 1
    if _skip(text, position + 1) != len(text):
        raise ValueError(f'is damaged: {MEMBER} goes on behind its list')


def _skip(text: str, position: int) -> int:
    """Where the white space at ``position`` ends."""
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _parsed(text: str, number: int) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise ValueError(f'is damaged: record {number} is no JSON object of names and numbers ({reason})') from error
    return record


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError('a key comes twice')
    return record


def _problem(record: dict[str, Any], form: Form, known: frozenset[int] | None) -> str | None:
    """What is wrong with one record, or None."""
    if lacking := form.keys - record.keys():
        return f"lacks '{min(lacking)}'"
    if extra := record.keys() - form.keys:
        return f"has the extra key '{min(extra)[:60]}'"
    image, category, values = record['image_id'], record['category_id'], record[form.values]
    if type(image) is not int:
        return 'has an image_id that is no integer'
    if known is not None and image not in known:
        return 'is of an image that the list does not have'
    if type(category) is not int or category < 1 or (form.categories and category not in form.categories):
        allowed = ', '.join(map(str, form.categories)) or 'a positive integer'
        return f'has category_id {_short(category)}, not {allowed}'
    if not isinstance(values, list) or len(values) != form.count:
        found = f'{len(values)} numbers' if isinstance(values, list) else 'no list'
        return f"has {found} in '{form.values}', not {form.count}"
    for key, value in (('score', record['score']), *((form.values, value) for value in values)):
        if not _is_finite(value):
            return f"has {_short(value)} in '{key}', which is no finite number"
    return None


def _too_many(record: dict[str, Any], form: Form, counts: Counter[int]) -> str | None:
    counts[record['image_id']] += 1
    if counts[record['image_id']] <= form.per_image:
        return None
    return f'is number {counts[record["image_id"]]} of its image, and servers take {form.per_image}'


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and -1e300 < value < 1e300  # comparisons with NaN are false


def _image(record: dict[str, Any]) -> str:
    return f' (image {record["image_id"]})' if type(record.get('image_id')) is int else ''


def _short(value: Any) -> str:
    return json.dumps(value)[:40]
