import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.datasets.images import read_image
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import FILL, Preprocess
from pifpaf_core.transforms.geometry import map_truth, rotation
from pifpaf_core.transforms.placement import Placement
from pifpaf_core.transforms.warp import warp


@pytest.fixture(scope='module')
def golden(repository):
    with np.load(repository / 'tests/golden/preprocess.npz') as arrays:
        return dict(arrays)


@pytest.fixture(scope='module')
def reference(shared):
    with np.load(shared / 'reference/schedule_preprocess.npz') as arrays:
        return dict(arrays)


def person():
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, 0] = (100, 50, 2)
    return GroundTruth(keypoints, np.array([[10.0, 20.0, 100.0, 200.0]]), np.zeros(1, bool), np.ones(1, np.int64))


def picture(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize('edge', [641, 385])
def test_geometry_is_that_of_openpifpaf(golden, edge):
    sample = Preprocess(edge)(picture(500, 333), person())
    expected = {name: golden[f'abs{edge}_{name}'] for name in ('kp', 'bbox', 'offset', 'scale', 'valid_area')}
    np.testing.assert_allclose(sample.truth.keypoints[0, :1], expected['kp'], atol=2e-5)
    np.testing.assert_allclose(sample.truth.boxes[0], expected['bbox'], atol=2e-5)
    np.testing.assert_allclose(sample.meta.valid_area, expected['valid_area'], atol=1e-9)
    np.testing.assert_allclose(np.diag(sample.meta.matrix)[:2], expected['scale'], rtol=1e-12)
    np.testing.assert_allclose(sample.meta.matrix[:2, 2], -expected['offset'], atol=1e-9)


@pytest.mark.parametrize('name', ['000000000785', '000000252219'])
def test_pixels_are_those_of_openpifpaf(golden, repository, name):
    """From the JPEG file to the input of its trained network."""
    image = read_image(repository / f'examples/coco-eight/images/val2017/{name}.jpg')
    sample = Preprocess(257, 'square')(image)
    difference = np.abs(sample.image[100:112].astype(int) - golden[f'{name}_rows'])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    np.testing.assert_allclose(sample.meta.valid_area, golden[f'{name}_meta_valid_area'])


@pytest.mark.parametrize('edge', [641, 385])
def test_every_pixel_of_the_reference(reference, edge):
    difference = np.abs(Preprocess(edge)(reference['img']).image.astype(int) - reference[f'abs{edge}'])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 5e-4


@pytest.mark.parametrize('angle', [90, 180, 270])
def test_turns_are_those_of_openpifpaf(golden, angle):
    matrix = rotation(angle, (500, 333), (500, 333))
    moved = map_truth(matrix, person())
    np.testing.assert_allclose(moved.keypoints[0], golden[f'rot{angle}_kp'], atol=1e-4)
    np.testing.assert_allclose(moved.boxes[0], golden[f'rot{angle}_bbox'], atol=1e-4)
    valid_area = Placement.of((500, 333)).then(matrix, (500, 333)).valid_area
    np.testing.assert_allclose(valid_area, golden[f'rot{angle}_valid_area'])


def test_mirroring_is_that_of_openpifpaf(golden):
    placement = Placement.of((500, 333)).flipped()
    moved = map_truth(placement.matrix, person(), mirror=COCO_PERSON.mirror)
    np.testing.assert_array_equal(moved.keypoints[0], golden['hflip_kp'])
    np.testing.assert_array_equal(moved.boxes[0], golden['hflip_bbox'])
    np.testing.assert_array_equal(placement.valid_area, golden['hflip_valid_area'])


def test_mirrored_and_turned_pixels_of_the_reference(reference):
    image = reference['img']
    np.testing.assert_array_equal(
        warp(image, Placement.of((500, 333)).flipped().matrix, (500, 333)), reference['hflip']
    )
    upside_down = warp(image, rotation(180, (500, 333), (500, 333)), (500, 333))
    np.testing.assert_array_equal(upside_down, reference['rot180'])


@pytest.mark.parametrize(
    ('options', 'size', 'padded'),
    [
        ({'long_edge': 641}, (640, 480), (641, 481)),
        ({'long_edge': 641}, (480, 640), (481, 641)),
        ({'long_edge': 257, 'padding': 'square'}, (640, 425), (257, 257)),
        ({'long_edge': 100, 'padding': 'square'}, (640, 425), (100, 100)),
        ({}, (50, 17), (65, 17)),
        ({'long_edge': 0}, (33, 34), (33, 49)),
        ({'padding': 'square'}, (50, 17), (50, 50)),
        ({'long_edge': 65}, (1000, 1), (65, 1)),
        ({'long_edge': 65, 'quarter_turns': 1}, (1000, 500), (33, 65)),
    ],
)
def test_sizes(options, size, padded):
    sample = Preprocess(**options)(picture(*size))
    assert sample.meta.size == padded
    assert sample.image.shape == (padded[1], padded[0], 3)
    assert sample.meta.original_size == size


def test_padding_is_centred_and_has_a_fixed_colour():
    sample = Preprocess()(np.zeros((20, 33, 3), np.uint8))  # 20 rows become 33: 6 above, 7 below
    assert (sample.image[:6] == FILL).all()
    assert (sample.image[6:26] == 0).all()
    assert (sample.image[26:] == FILL).all()
    assert sample.meta.valid_area.tolist() == [0.0, 6.0, 32.0, 19.0]


@pytest.mark.parametrize('turns', range(4))
def test_the_matrix_leads_back(turns):
    truth = person()
    sample = Preprocess(301, quarter_turns=turns)(picture(500, 333), truth)
    back = map_truth(np.linalg.inv(sample.meta.matrix), sample.truth)
    np.testing.assert_allclose(back.keypoints, truth.keypoints, atol=1e-9)
    np.testing.assert_allclose(back.boxes, truth.boxes, atol=1e-9)


def test_quarter_turns_turn_the_image():
    image = picture(40, 30)
    sample = Preprocess(padding='square', quarter_turns=1)(image)
    np.testing.assert_array_equal(sample.image[:, 5:35], np.rot90(image))


def test_resample_has_an_effect():
    image = picture(400, 300)
    linear, area = (Preprocess(65, resample=resample)(image).image[16:32] for resample in ('linear', 'area'))
    assert area.std() < 0.5 * linear.std()


def test_meta_says_where_the_image_came_from():
    meta = Preprocess()(picture(20, 20), image_id=7, file_name='a.jpg', dataset='cocokp').meta
    assert (meta.image_id, meta.file_name, meta.dataset, meta.mirrored) == (7, 'a.jpg', 'cocokp', False)


@pytest.mark.parametrize('edge', [1, -5])
def test_senseless_edges(edge):
    with pytest.raises(ValueError, match=r'Give e\.g\. 641'):
        Preprocess(edge)
