"""``python -m benchmarks.storage``: what it costs to read training images from S3, as ratios to reading local files.

An S3 server in a process of its own (moto: an upper bound, for it is written in Python) gives the images of one epoch
four ways, in turns: as local files, from the server one by one, from the server with reading ahead, and from the cache
that the epoch before has filled. What counts is reading and decoding, as in a loader without workers.
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pifpaf_core.datasets.images import read_image
from pifpaf_core.files import write_atomically
from pifpaf_core.readers import join
from pifpaf_core.readers.cache import DataCache
from pifpaf_core.readers.folder import Folder

BATCH = 16
SIZE = (640, 480)
"""Width and height in pixels of the images, those of most of COCO's."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and, if asked for, write the result."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.storage', description=__doc__)
    parser.add_argument('--smoke', action='store_true', help='few images once, to see that everything runs')
    parser.add_argument('--output', type=Path, metavar='FILE', help='also write the JSON there')
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(Path(scratch), n_images=BATCH if args.smoke else 256, repetitions=1 if args.smoke else 5)
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        write_atomically(args.output, text + '\n')
    return 0


def measure(scratch: Path, *, n_images: int, repetitions: int) -> dict[str, Any]:
    """Milliseconds an image in each way, and how many times those of local files they are, by the quickest epochs."""
    folder = scratch / 'images'
    folder.mkdir()
    names = [write_image(folder, number) for number in range(n_images)]
    with server() as address:
        publish(folder, names, address)
        cache = DataCache(scratch / 'cache', 1 << 30)
        here, afar, cached = Folder(str(folder)), Folder('s3://bucket/images'), Folder('s3://bucket/images', cache)
        epoch(cached, names, ahead=True)
        ways: dict[str, Callable[[], object]] = {
            'local files': lambda: epoch(here, names, ahead=False),
            's3, one by one': lambda: epoch(afar, names, ahead=False),
            's3, reading ahead': lambda: epoch(afar, names, ahead=True),
            's3, second epoch from the cache': lambda: epoch(cached, names, ahead=True),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repetitions):
            for name, way in ways.items():  # in turns, so that a busy machine is busy for all
                began = time.perf_counter()
                way()
                times[name].append(1e3 * (time.perf_counter() - began) / n_images)
    quickest = {name: min(values) for name, values in times.items()}
    return {
        'machine': platform.platform(),
        'images': n_images,
        **{
            name: {
                'ms_an_image': round(quickest[name], 3),
                'median': round(statistics.median(values), 3),
                'times_local': round(quickest[name] / quickest['local files'], 2),
            }
            for name, values in times.items()
        },
    }


def epoch(folder: Folder, names: Sequence[str], *, ahead: bool) -> int:
    """Read and decode all images in batches; returns the number of pixels."""
    pixels = 0
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        if ahead:
            folder.prefetch(batch)
        for name in batch:
            pixels += read_image(join(folder.address, name), lambda name=name: folder.read(name)).size  # type: ignore[misc]
    return pixels


def write_image(folder: Path, number: int) -> str:
    """A JPEG of about 100 kB, which is what COCO's images are on average; returns its name."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (SIZE[1] // 6, SIZE[0] // 6, 3), np.uint8)
    image = cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / f'{number:06d}.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f'{number:06d}.jpg'


@contextmanager
def server() -> Iterator[str]:
    """The address of an S3 server, and the environment of its user."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    address = f'http://127.0.0.1:{port}'
    argv = [sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)]
    os.environ |= {
        'AWS_ENDPOINT_URL_S3': address,
        'AWS_ACCESS_KEY_ID': 'key',
        'AWS_SECRET_ACCESS_KEY': 'secret',
        'AWS_DEFAULT_REGION': 'us-east-1',
    }
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(address)
            yield address
        finally:
            process.kill()


def publish(folder: Path, names: Sequence[str], address: str) -> None:
    """Put the images into the bucket."""
    from components.runtime.store import open_store

    urllib.request.urlopen(urllib.request.Request(f'{address}/bucket', method='PUT')).close()
    store = open_store('s3://bucket/images')
    for name in names:
        store.put(folder / name, name)


def _wait(address: str) -> None:
    for _ in range(3000):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError('the S3 server does not answer')


if __name__ == '__main__':
    sys.exit(main())
