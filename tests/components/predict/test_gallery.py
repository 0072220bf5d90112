import base64
import re

import cv2
import numpy as np
import pytest

from components.predict.gallery import gallery


@pytest.fixture
def picture(tmp_path):
    def make(width, height):
        path = tmp_path / f'{width}.jpeg'
        cv2.imwrite(str(path), np.full((height, width, 3), 127, np.uint8))
        return path

    return make


def test_pictures_are_inlined_at_the_size_of_a_page(picture):
    page = gallery('a <title>', [(picture(1280, 960), 'large & wide'), (picture(64, 48), 'small')])
    images = [
        cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        for data in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    ]
    assert [image.shape[:2] for image in images] == [(480, 640), (48, 64)]
    assert 'a &lt;title&gt;' in page
    assert 'large &amp; wide' in page
    assert 'http' not in page


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / 'x.jpeg').write_text('no image')
    with pytest.raises(OSError, match=r'x\.jpeg is no image'):
        gallery('', [(tmp_path / 'x.jpeg', '')])
