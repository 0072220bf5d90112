"""Whether an image file is there, whole, and of the size that its record says. Needs no torch."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

_PNG, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'
_JPEG_END = b'\xff\xd9'


@dataclass(frozen=True)
class ImageFile:
    """What one reading of an image file found.

    Attributes:
        problem: file, what is wrong and the remedy, in one line; None if the image is sound.
        sha256: hexadecimal digest of the content; empty if it could not be read.
        n_bytes: size of the file.
    """

    problem: str | None
    sha256: str = ''
    n_bytes: int = 0


def check_image(path: str | os.PathLike[str], *, width: int, height: int) -> ImageFile:
    """Read a file once, decode it and compare its size in pixels, without EXIF rotation, with ``width`` x ``height``.

    OpenCV fills the missing part of a truncated JPEG with grey and reports success; the end marker tells the truth.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return ImageFile(f'{path}: the image is missing. Fetch it, or remove its record from the JSON')
    except OSError as error:
        return ImageFile(f'{path}: the image cannot be read ({error.strerror}). Check its rights and the disk')
    problem = _problem(content, width, height)
    return ImageFile(f'{path}: {problem}' if problem else None, hashlib.sha256(content).hexdigest(), len(content))


def _problem(content: bytes, width: int, height: int) -> str | None:
    again = 'Fetch it again, or remove its record from the JSON'
    if not content:
        return f'the image is an empty file. {again}'
    if _is_truncated(content):
        return f'the image is truncated. {again}'
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        return f'the image cannot be decoded. {again}'
    found = _full_size(content)
    if found != (width, height):
        return f'the image is {found[0]}x{found[1]} but its record says {width}x{height}. Correct the JSON or the file'
    return None


def _is_truncated(content: bytes) -> bool:
    if content.startswith(_PNG):
        return _PNG_END not in content
    header = _jpeg_header(content)
    return header is not None and content.find(_JPEG_END, header[1]) < 0


def _full_size(content: bytes) -> tuple[int, int]:
    header = _jpeg_header(content)
    if header is not None:
        return header[0]
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    return (pixels.shape[1], pixels.shape[0]) if pixels is not None else (0, 0)


def _jpeg_header(content: bytes) -> tuple[tuple[int, int], int] | None:
    """Width and height of a JPEG, and where its compressed pixels begin; None for other formats or a damaged header.

    From there on the end marker cannot occur by chance: JPEG escapes it. Before, a thumbnail may hold one.
    """
    size = (0, 0)
    position = 2 if content.startswith(b'\xff\xd8') else len(content)
    while position + 9 < len(content) and content[position] == 0xFF:
        marker, segment = content[position + 1], content[position + 2 : position + 9]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == 0xDA:  # start of scan
            return size, position
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            size = int.from_bytes(segment[5:7]), int.from_bytes(segment[3:5])
        position += 2 + int.from_bytes(segment[:2])
    return None
