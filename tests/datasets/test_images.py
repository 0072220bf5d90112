import cv2
import numpy as np
import pytest

from pifpaf_core.datasets.images import is_truncated, read_image


def picture():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (200, 30, 10)
    return pixels


def encoded(extension, *options):
    return cv2.imencode(extension, picture()[..., ::-1], options)[1].tobytes()


@pytest.mark.parametrize('extension', ['.jpg', '.png', '.bmp'])
def test_reads_rgb(tmp_path, extension):
    path = tmp_path / f'image{extension}'
    path.write_bytes(encoded(extension))
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.abs(image.astype(int) - picture())[:, :20].max() < 8


def test_grey_images_have_three_channels(tmp_path):
    path = tmp_path / 'grey.png'
    cv2.imwrite(str(path), picture()[..., 0])
    assert read_image(path).shape == (40, 60, 3)


def test_exif_rotation_is_not_applied(tmp_path):
    """Annotations refer to pixels as they are stored."""
    orientation = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    jpeg = encoded('.jpg')
    path = tmp_path / 'turned.jpg'
    path.write_bytes(jpeg[:2] + b'\xff\xe1' + (len(orientation) + 2).to_bytes(2) + orientation + jpeg[2:])
    assert cv2.imread(str(path)).shape == (60, 40, 3)
    assert read_image(path).shape == (40, 60, 3)


@pytest.mark.parametrize('share', [0.02, 0.5, 0.99])
@pytest.mark.parametrize(
    ('extension', 'options'), [('.jpg', ()), ('.jpg', (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)), ('.png', ())]
)
def test_truncated_files(tmp_path, extension, options, share):
    content = encoded(extension, *options)
    path = tmp_path / f'cut{extension}'
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(OSError, match=r'cut\..*(is empty or truncated|cannot be decoded)\. Fetch it again'):
        read_image(path)


def test_a_thumbnail_does_not_hide_truncation():
    thumbnail, jpeg = encoded('.jpg'), encoded('.jpg')
    with_thumbnail = jpeg[:2] + b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2) + thumbnail + jpeg[2:]
    assert not is_truncated(with_thumbnail)
    assert is_truncated(with_thumbnail[:-20])


def test_bytes_after_the_end_are_harmless():
    assert not is_truncated(encoded('.jpg') + b'\0' * 10000)


@pytest.mark.parametrize('content', [b'', b'no image at all'])
def test_files_that_are_no_images(tmp_path, content):
    path = tmp_path / 'a.jpg'
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"a\.jpg' (is empty|cannot be decoded).*Fetch it again"):
        read_image(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"b\.jpg' is missing\. Fetch it again"):
        read_image(tmp_path / 'b.jpg')


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(OSError, match='cannot be read'):
        read_image(tmp_path)
