"""The file that COCO's evaluation server takes. Needs no torch."""

import io
import json
import os
import zipfile
from collections.abc import Sequence
from typing import Any

from ..files import write_atomically

MEMBER = 'predictions.json'


def predictions_json(records: Sequence[dict[str, Any]]) -> bytes:
    """COCO result records as JSON; the same records give the same bytes."""
    return json.dumps(list(records), separators=(',', ':')).encode()


def write_zip(path: str | os.PathLike[str], records: Sequence[dict[str, Any]]) -> None:
    """A zip that holds exactly ``predictions.json``. The same records give the same bytes: times are fixed.

    Raises:
        OSError: the file cannot be written.
    """
    member = zipfile.ZipInfo(MEMBER, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3
    member.external_attr = 0o644 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        archive.writestr(member, predictions_json(records), compresslevel=9)
    write_atomically(path, buffer.getvalue())
