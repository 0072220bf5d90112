"""Reading image files: whole, upright as stored, RGB. What is wrong with a file is said with its path and a remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..readers import read_bytes

Array = npt.NDArray[Any]

cv2.setNumThreads(0)  # images are read side by side, and a forked worker cannot use a pool of threads

_AGAIN = 'Fetch it again, or leave it out'
_JPEG, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_PNG, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'


def read_image(path: str | Path, read: Callable[[], bytes] | None = None) -> Array:
    """The pixels of an image file: [H, W, 3] uint8 RGB, without EXIF rotation: annotations refer to stored pixels.

    Args:
        path: of the file, or its address.
        read: gives the content, e.g. from a cache.

    Raises:
        OSError: the file is missing, empty, truncated or no image.
    """
    try:
        content = read() if read else read_bytes(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"image '{path}' is missing. {_AGAIN}") from None
    except OSError as error:
        if error.strerror is None:
            raise  # one that says all
        raise OSError(f"image '{path}' cannot be read ({error.strerror}). Check its rights and the disk") from None
    if is_truncated(content):
        raise OSError(f"image '{path}' is empty or truncated. {_AGAIN}")
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise OSError(f"image '{path}' cannot be decoded. {_AGAIN}")
    return np.ascontiguousarray(image)


def is_truncated(content: bytes) -> bool:
    """Whether an image file ends early. OpenCV fills what is missing of a JPEG with grey and reports success.

    The end of a JPEG is the marker after its last scan; thumbnails before it and trailers after it do not confuse this.
    """
    if content.startswith(_JPEG):
        end = content.rfind(_JPEG_END)
        return end < 0 or content.find(_JPEG_SCAN, end) >= 0
    if content.startswith(_PNG):
        return _PNG_END not in content
    return not content
