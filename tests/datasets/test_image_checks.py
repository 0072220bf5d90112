import hashlib

import cv2
import numpy as np
import pytest

from pifpaf_core.datasets.image_checks import check_image

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
JPEG = cv2.imencode('.jpg', PIXELS)[1].tobytes()
PNG = cv2.imencode('.png', PIXELS)[1].tobytes()
# an EXIF segment that says: rotate by 90 degrees to show
EXIF = bytes.fromhex('ffe1002245786966000049492a000800000001001201030001000000060000000000 0000'.replace(' ', ''))
ROTATED = JPEG[:2] + EXIF + JPEG[2:]


@pytest.mark.parametrize('content', [JPEG, PNG, JPEG + b'\0' * 9000, ROTATED])
def test_sound_images(tmp_path, content):
    path = tmp_path / 'a'
    path.write_bytes(content)
    found = check_image(path, width=64, height=48)
    assert found.problem is None
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.n_bytes == len(content)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'the image is missing'),
        (b'', 'the image is an empty file'),
        (b'<html>not found</html>', 'the image cannot be decoded'),
        (JPEG[: len(JPEG) // 2], 'the image is truncated'),
        (JPEG[:-2], 'the image is truncated'),
        (PNG[: len(PNG) // 2], 'the image is truncated'),
        (JPEG[:40], 'the image cannot be decoded'),
        (cv2.imencode('.jpg', PIXELS[:, :60])[1].tobytes(), 'the image is 60x48 but its record says 64x48'),
        (cv2.imencode('.png', PIXELS[:40])[1].tobytes(), 'the image is 64x40 but its record says 64x48'),
    ],
)
def test_bad_images_name_file_and_remedy(tmp_path, content, message):
    path = tmp_path / 'a.jpg'
    if content is not None:
        path.write_bytes(content)
    problem = check_image(path, width=64, height=48).problem
    assert problem is not None
    assert problem.startswith(f'{path}: {message}')
    assert problem.count('. ') >= 1 and '\n' not in problem


def test_a_folder_in_place_of_an_image(tmp_path):
    assert 'cannot be read' in str(check_image(tmp_path, width=1, height=1).problem)
