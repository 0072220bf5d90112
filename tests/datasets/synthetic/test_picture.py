import cv2
import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.picture import render


def test_a_picture_is_a_function_of_seed_index_and_size():
    settings = {'seed': 3, 'index': 8, 'size': (160, 120), 'image_id': 1}
    image, records = render(**settings)
    again, records_again = render(**settings)
    assert image.shape == (120, 160, 3) and image.dtype == np.uint8
    np.testing.assert_array_equal(image, again)
    assert records == records_again
    for changed in ({'seed': 4}, {'index': 9}):
        assert (render(**(settings | changed))[0] != image).mean() > 0.5


def test_the_number_of_opencv_threads_changes_nothing():
    before = cv2.getNumThreads()
    try:
        images = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            images.append(render(seed=0, index=2, size=(320, 240), image_id=1)[0])
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(*images)


@pytest.mark.parametrize('size', [(64, 64), (128, 256), (640, 200)])
def test_other_sizes(size):
    for index in range(3):
        image, _ = render(seed=1, index=index, size=size, image_id=1)
        assert image.shape == (size[1], size[0], 3)


def test_people_stand_out_from_the_background():
    """Visible keypoints do not look like the background: the people are really drawn where the records say."""
    differences = []
    for index in range(12):
        image, records = render(seed=2, index=index, size=(160, 120), image_id=1)
        for record in records:
            if record['num_keypoints'] > 8:
                keypoints = np.array(record['keypoints']).reshape(17, 3)
                seen = keypoints[keypoints[:, 2] == 2]
                x, y = np.rint(seen[:, :2]).astype(int).T
                background = np.median(image.reshape(-1, 3), axis=0)
                differences.append(np.abs(image[y, x].astype(float) - background).mean())
    assert len(differences) > 8 and np.mean(differences) > 25
