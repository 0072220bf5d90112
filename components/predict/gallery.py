"""Pictures in one page without any outside reference, for the KFP UI's sandboxed frame."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2

_LONG_EDGE = 640


def gallery(title: str, pictures: Sequence[tuple[Path, str]]) -> str:
    """The page.

    Args:
        title: heading.
        pictures: (file, caption).
    """
    figures = ''.join(_figure(small_jpeg(path), html.escape(caption)) for path, caption in pictures)
    return _PAGE.format(title=html.escape(title), figures=figures)


def _figure(jpeg: bytes, caption: str) -> str:
    uri = f'data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}'
    return f'<figure><img alt="{caption}" src="{uri}"><figcaption>{caption}</figcaption></figure>'


def small_jpeg(path: Path) -> bytes:
    """The picture at the size of a page.

    Raises:
        OSError: the file is no image.
    """
    image = cv2.imread(str(path))
    if image is None:
        raise OSError(f'{path} is no image. Run the stage again')
    scale = _LONG_EDGE / max(image.shape[:2])
    if scale < 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return jpeg.tobytes()


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222 }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(20em, 1fr)); gap: 1em }}
figure {{ margin: 0 }} img {{ width: 100% }} figcaption {{ font-size: .85em; color: #555 }}
</style></head><body><h1>{title}</h1><main>{figures}</main></body></html>
"""
