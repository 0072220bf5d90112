from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import Preprocess
from pifpaf_core.visualize.debug import DebugPlots
from pifpaf_core.visualize.options import DebugOptions, ShowOptions

CIF = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON).bound(0, 16)
CAF = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON).bound(1, 16)
METAS = [CIF, CAF]


@dataclass
class Seen:
    """A decoder that saw one seed and one association."""

    skeleton: Any = COCO_PERSON
    maps: Any = field(default_factory=lambda: {0: np.full((17, 161, 97), 0.5)})
    seed_fields: Any = field(default_factory=lambda: np.array([5]))
    seed_confidences: Any = field(default_factory=lambda: np.array([0.9]))
    seed_xy: Any = field(default_factory=lambda: np.array([[40.0, 50.0]]))
    associations: Any = field(default_factory=lambda: {1: [np.array([[0.8, 10.0, 20.0, 30.0, 40.0]])] * 19})


@pytest.fixture
def fields():
    rng = np.random.default_rng(0)
    fields = [rng.uniform(0, 6, (17, 5, 11, 7)), rng.uniform(0, 6, (19, 8, 11, 7))]
    for values in fields:
        values[:, 1] = rng.uniform(0, 1, values[:, 1].shape)
    return [values.astype(np.float32) for values in fields]


def plotted(folder):
    return sorted(path.name for path in folder.iterdir())


def test_everything(tmp_path, image, pose, truth, fields):
    plots = DebugPlots(
        METAS,
        debug=DebugOptions(('cif:5', 'caf:5'), debug_images=True),
        show=ShowOptions(save_all=str(tmp_path), show_file_extension='png'),
        inspect=lambda seen: [Seen()],
        ground_truth=True,
    )
    assert plots.active
    plots(Preprocess(padding='tight')(image, truth, file_name='x/photo.jpg'), fields, [pose])
    assert plotted(tmp_path) == [
        'photo.caf.05-left_shoulder-left_hip.associations.png',
        'photo.caf.05-left_shoulder-left_hip.confidence.png',
        'photo.caf.05-left_shoulder-left_hip.regression.png',
        'photo.cif.05-left_shoulder.confidence.png',
        'photo.cif.05-left_shoulder.hr.png',
        'photo.cif.05-left_shoulder.regression.png',
        'photo.ground_truth.png',
        'photo.input.png',
        'photo.predictions.png',
        'photo.seeds.png',
    ]
    assert (cv2.imread(str(tmp_path / 'photo.input.png'))[..., ::-1] == image).all()


@pytest.mark.parametrize(
    ('debug', 'expected'),
    [
        (DebugOptions(('cif:nose:confidence',)), ['photo.cif.00-nose.confidence.png']),
        (DebugOptions(('cif:nose:regression',)), ['photo.cif.00-nose.regression.png']),
        (DebugOptions(('cif:nose:hr',)), ['photo.cif.00-nose.hr.png']),
        (DebugOptions(('caf:0:associations',)), ['photo.caf.00-left_ankle-left_knee.associations.png']),
        (DebugOptions(debug_images=True), ['photo.input.png', 'photo.predictions.png', 'photo.seeds.png']),
    ],
)
def test_only_what_is_asked_for(tmp_path, image, pose, fields, debug, expected):
    show = ShowOptions(save_all=str(tmp_path), show_file_extension='png')
    plots = DebugPlots(METAS, debug=debug, show=show, inspect=lambda seen: [Seen()])
    plots(Preprocess()(image, file_name='photo.jpg'), fields, [pose])
    assert plotted(tmp_path) == expected


def test_nothing_is_asked_for():
    assert not DebugPlots(METAS, debug=DebugOptions(), show=ShowOptions()).active


@pytest.fixture
def truth(pose):
    keypoints = np.concatenate([pose.keypoints[:, :2], np.full((17, 1), 2)], 1)[None]
    return GroundTruth(keypoints, np.array([[20.0, 30.0, 50.0, 90.0]]), np.zeros(1, bool), np.array([2]))


def test_training(tmp_path, image, truth, fields):
    """Fields of heads without targets are left out: the image belongs to another data set."""
    show = ShowOptions(save_all=str(tmp_path), show_file_extension='png')
    cif = np.full((17, 5, 11, 7), np.nan, np.float32)
    cif[:, 0] = 0.0
    cif[5, :, 3, 4] = [1.0, 0.25, -0.5, 0.01, 0.3]
    cif[5, 0, 8, :] = np.nan
    debug = DebugOptions(('cif:5', 'caf:5'), debug_images=True)
    sample = Preprocess()(image, truth, file_name='7.jpg', dataset='cocokp')
    plots = DebugPlots(METAS, debug=debug, show=show, inspect=lambda seen: [Seen()], ground_truth=True)
    plots.plot(sample, fields, [], name='000007', targets=[cif, None])
    assert plotted(tmp_path) == [
        '000007.cif.05-left_shoulder.confidence.png',
        '000007.cif.05-left_shoulder.hr.png',
        '000007.cif.05-left_shoulder.regression.png',
        '000007.ground_truth.png',
        '000007.input.png',
        '000007.predictions.png',
        '000007.seeds.png',
        '000007.target.cif.05-left_shoulder.confidence.png',
        '000007.target.cif.05-left_shoulder.regression.png',
    ]


def test_ground_truth_is_that_of_the_data_set(tmp_path, image, truth, fields):
    """A network for poses and boxes: an image of the data set of boxes shows boxes."""
    boxes = CifDet(name='cifdet', dataset='cocodet', categories=('bird', 'cat')).bound(2, 16)
    shown = {}
    for dataset in ('cocokp', 'cocodet'):
        show = ShowOptions(save_all=str(tmp_path / dataset), show_file_extension='png', font_size=0.0)
        plots = DebugPlots([*METAS, boxes], debug=DebugOptions(), show=show, ground_truth=True)
        plots(Preprocess(padding='tight')(image, truth, file_name='a.jpg', dataset=dataset), fields, [])
        drawn = cv2.imread(str(tmp_path / dataset / 'a.ground_truth.png'))[..., ::-1]
        shown[dataset] = np.abs(drawn.astype(int) - image).max(-1) > 40
    x, y, w, h = 20, 30, 50, 90
    assert shown['cocodet'][y, x : x + w].mean() > 0.9 and shown['cocodet'][y : y + h, x + w].mean() > 0.9
    assert shown['cocokp'][y, x : x + w].mean() < 0.5


def test_heads_of_equal_name_have_their_own_files(tmp_path, image, pose, fields):
    other = Cif(name='cif', dataset='other', skeleton=COCO_PERSON).bound(2, 16)
    show = ShowOptions(save_all=str(tmp_path), show_file_extension='png')
    plots = DebugPlots([*METAS, other], debug=DebugOptions(('cif:0:confidence',)), show=show)
    plots(Preprocess()(image, file_name='a.jpg'), [*fields, fields[0]], [pose])
    assert plotted(tmp_path) == ['a.cocokp.cif.00-nose.confidence.png', 'a.other.cif.00-nose.confidence.png']


def test_small_network_inputs_are_enlarged(tmp_path, image, pose, fields):
    """Plots of a thumbnail can be read, and `--image-dpi-factor` enlarges them further."""
    sizes = []
    for factor in (1.0, 2.0):
        show = ShowOptions(save_all=str(tmp_path), show_file_extension='png', image_dpi_factor=factor)
        DebugPlots(METAS, debug=DebugOptions(('cif:5:confidence',)), show=show)(Preprocess()(image), fields, [pose])
        sizes.append(cv2.imread(str(tmp_path / 'image.cif.05-left_shoulder.confidence.png')).shape[0])
    assert sizes[0] > 900
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=2)
