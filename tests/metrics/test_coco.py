import json
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from pifpaf_core.annotation import Box, Pose
from pifpaf_core.headmeta import CifDet
from pifpaf_core.metrics.coco import CocoDetection, CocoKeypoints
from pifpaf_core.metrics.coco_truth import read_truth
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import Preprocess

DET = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle'))


def joints(left, size=100.0):
    """[17, 2] within a box of ``size`` pixels."""
    grid = np.arange(17)
    return np.stack([left + size * (grid % 5) / 5, 10 + size * grid / 17], axis=1)


def person(number, image_id, left, **changes):
    keypoints = np.concatenate([joints(left), np.full((17, 1), 2.0)], axis=1)
    return {
        'id': number, 'image_id': image_id, 'category_id': 1, 'iscrowd': 0, 'bbox': [left, 10.0, 100.0, 100.0],
        'area': 5300.0, 'num_keypoints': 17, 'keypoints': keypoints.reshape(-1).tolist(), **changes,
    }  # fmt: skip


def document(*annotations, n_images=2):
    return {
        'images': [{'id': i + 1, 'file_name': f'{i}.jpg', 'width': 640, 'height': 480} for i in range(n_images)],
        'categories': [{'id': 1, 'name': 'person'}, {'id': 2, 'name': 'bicycle'}],
        'annotations': list(annotations),
    }


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / 'truth.json'
        path.write_text(json.dumps(content))
        return str(path)

    return write


def pose(left, confidence=0.8, shift=0.0):
    keypoints = np.concatenate([joints(left) + shift, np.full((17, 1), confidence)], axis=1)
    return Pose(COCO_PERSON, keypoints, np.full(17, 5.0))


def meta(image_id):
    return Preprocess()(np.zeros((480, 640, 3), np.uint8), image_id=image_id).meta


def stats(metric):
    result = metric.stats()
    return dict(zip(result['text_labels'], result['stats'], strict=True))


def test_perfect_poses(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50), person(2, 2, 200), person(3, 2, 400))))
    metric.accumulate([pose(50)], meta(1))
    metric.accumulate([pose(200), pose(400)], meta(2))
    result = metric.stats()
    assert result['text_labels'] == ['AP', 'AP0.5', 'AP0.75', 'APM', 'APL', 'AR', 'AR0.5', 'AR0.75', 'ARM', 'ARL']
    assert result['stats'] == pytest.approx([1, 1, 1, 1, -1, 1, 1, 1, 1, -1])


def test_half_found(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50), person(2, 2, 200))))
    metric.accumulate([pose(50)], meta(1))
    metric.accumulate([], meta(2))
    assert stats(metric)['AR'] == pytest.approx(0.5)
    assert stats(metric)['AP'] == pytest.approx(51 / 101)


def test_nothing_found(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50))))
    metric.accumulate([], meta(1))
    assert stats(metric)['AP'] == 0.0
    assert metric.predictions == [{'image_id': 1, 'category_id': 1, 'keypoints': [0.0] * 51, 'score': 0.001}]


def test_only_images_that_were_seen_count(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50), person(2, 2, 200))))
    metric.accumulate([pose(50)], meta(1))
    assert stats(metric)['AR'] == pytest.approx(1.0)


def test_twenty_poses_in_decoder_order(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50))))
    metric.accumulate([pose(300, confidence=0.2)] * 20 + [pose(50, confidence=0.9)], meta(1))
    assert stats(metric)['AP'] == 0.0
    assert len(metric.predictions) == 20


def test_sigmas(write):
    file = write(document(person(1, 1, 50)))
    found = []
    for factor in (1.0, 0.5):
        metric = CocoKeypoints(file, sigmas=[factor * sigma for sigma in COCO_PERSON.sigmas])
        metric.accumulate([pose(50, shift=3.0)], meta(1))
        found.append(stats(metric)['AP'])
    assert 0.0 < found[1] < found[0]
    plain = CocoKeypoints(file)
    plain.accumulate([pose(50, shift=3.0)], meta(1))
    assert stats(plain)['AP'] == found[0]


def test_other_categories_do_not_count(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50), person(2, 1, 300, category_id=2))))
    metric.accumulate([pose(50)], meta(1))
    assert stats(metric)['AR'] == pytest.approx(1.0)


def test_what_the_file_leaves_out_is_filled_in(write):
    bare = person(1, 1, 50)
    for key in ('area', 'bbox', 'num_keypoints', 'iscrowd'):
        del bare[key]
    file = write(document(bare))
    metric = CocoKeypoints(file)
    metric.accumulate([pose(50)], meta(1))
    assert stats(metric)['AP'] == pytest.approx(1.0)
    (annotation,) = read_truth(file)['annotations']
    assert annotation['bbox'] == pytest.approx([50.0, 10.0, 80.0, 100 * 16 / 17])
    assert annotation['area'] == pytest.approx(80.0 * 100 * 16 / 17)
    assert (annotation['num_keypoints'], annotation['iscrowd']) == (17, 0)


def test_no_ground_truth(write):
    metric = CocoKeypoints(write(document()))
    metric.accumulate([pose(50)], meta(1))
    assert metric.stats() == {'stats': [], 'text_labels': []}
    assert len(metric.predictions) == 1


def test_image_that_is_not_in_the_file(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50))))
    metric.accumulate([pose(50)], meta(9))
    with pytest.raises(ValueError, match=r"image 9 was predicted but is not in '.*truth\.json'\. Give"):
        metric.stats()


@pytest.mark.parametrize('content', ['{"images"', '[]', '{"annotations": [{}], "images": []}'])
def test_damaged_file(tmp_path, content):
    path = tmp_path / 'truth.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=r"truth\.json' is damaged .*Fetch it again"):
        CocoKeypoints(str(path)).stats()


def test_missing_file():
    with pytest.raises(ValueError, match=r"'nothing\.json' is missing\. Give"):
        CocoKeypoints('nothing.json').stats()


def test_nothing_is_printed(write, capsys):
    metric = CocoKeypoints(write(document(person(1, 1, 50))))
    metric.accumulate([pose(50)], meta(1))
    metric.stats()
    assert capsys.readouterr().out == ''


def test_stats_can_be_asked_for_twice(write):
    metric = CocoKeypoints(write(document(person(1, 1, 50))))
    metric.accumulate([pose(50)], meta(1))
    assert metric.stats() == metric.stats()
    assert set(metric.predictions[0]) == {'image_id', 'category_id', 'keypoints', 'score'}


def test_predictions(write, tmp_path):
    metric = CocoKeypoints(write(document(person(1, 1, 50))))
    metric.accumulate([pose(50, confidence=0.5)], meta(1))
    paths = metric.write_predictions(str(tmp_path / 'deep' / 'model.eval-cocokp'))
    assert [Path(path).name for path in paths] == ['model.eval-cocokp.predictions.json', 'model.eval-cocokp.zip']
    records = json.loads(Path(paths[0]).read_text())
    assert records == [
        {'image_id': 1, 'category_id': 1, 'keypoints': pose(50, 0.5).to_coco()['keypoints'], 'score': 0.5}
    ]
    with zipfile.ZipFile(paths[1]) as archive:
        assert archive.namelist() == ['predictions.json']
        assert json.loads(archive.read('predictions.json')) == records


def test_folder_that_cannot_be_written(write, tmp_path):
    (tmp_path / 'file').write_text('')
    metric = CocoKeypoints(write(document()))
    with pytest.raises(OSError, match='file'):
        metric.write_predictions(str(tmp_path / 'file' / 'model'))


def box(left, score=0.9, category=1):
    return Box(DET, np.array([left, 10.0, 100.0, 100.0]), score, category)


def test_boxes(write):
    bicycle = person(2, 1, 300, category_id=2)
    metric = CocoDetection(write(document(person(1, 1, 50), bicycle)))
    metric.accumulate([box(50), box(300, category=2)], meta(1))
    assert metric.stats()['text_labels'] == [
        'AP', 'AP0.5', 'AP0.75', 'APS', 'APM', 'APL', 'ART1', 'ART10', 'AR', 'ARS', 'ARM', 'ARL'
    ]  # fmt: skip
    assert stats(metric)['AP'] == pytest.approx(1.0)
    assert set(metric.predictions[0]) == {'image_id', 'category_id', 'bbox', 'score'}


def test_boxes_of_another_category_are_wrong(write):
    metric = CocoDetection(write(document(person(1, 1, 50))))
    metric.accumulate([box(50, category=2)], meta(1))
    assert stats(metric)['AP'] == 0.0


def test_no_boxes(write):
    metric = CocoDetection(write(document(person(1, 1, 50))))
    metric.accumulate([], meta(1))
    assert metric.predictions == []
    assert set(metric.stats()['stats']) == {0.0}


@pytest.mark.parametrize(
    ('case', 'metric_type'),
    [('coco-real-159', CocoKeypoints), ('val-subset-250', CocoKeypoints), ('instances-val2014-100', CocoDetection)],
)
def test_known_answers(shared, case, metric_type):
    folder = shared / 'data/known-answers' / case
    metric = metric_type(str(folder / 'ground_truth.json'), categories=(1,) if metric_type is CocoKeypoints else None)
    records = defaultdict(list)
    for record in json.loads((folder / 'detections.json').read_text()):
        records[record['image_id']].append(record)
    for image in json.loads((folder / 'ground_truth.json').read_text())['images']:
        metric.accumulate_records(records[image['id']], image_id=image['id'])
    expected = json.loads((folder / 'expected.json').read_text())
    np.testing.assert_allclose(metric.stats()['stats'], expected['stats'], atol=1e-9)
