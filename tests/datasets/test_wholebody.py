import json

import numpy as np
import pytest
from instances import files, keypoint_folder, module_of, stats_of_an_oracle, through_the_commands

from pifpaf_core.datasets.centrality import keypoint_weights
from pifpaf_core.skeletons.wholebody import WHOLEBODY

PARTS = {'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 68, 'lefthand_kpts': 21, 'righthand_kpts': 21}


@pytest.fixture
def folder(tmp_path):
    """All keypoints in one list."""
    return keypoint_folder(tmp_path, WHOLEBODY)


@pytest.fixture
def official(folder):
    """The same by parts, as COCO-WholeBody distributes them: categories and counts know the body only."""
    document = json.loads(folder.read_text())
    for annotation in document['annotations']:
        values = annotation['keypoints']
        for part, n in PARTS.items():
            annotation[part], values = values[: 3 * n], values[3 * n :]
        annotation['face_kpts'] = [0.37 if i % 3 == 2 else v for i, v in enumerate(annotation['face_kpts'])]
        annotation['num_keypoints'] = 17
    document['categories'] = [{'id': 1, 'name': 'person', 'keypoints': list(WHOLEBODY.names[:17])}]
    path = folder.with_name('official.json')
    path.write_text(json.dumps(document))
    return path


def test_train_evaluate_predict(folder):
    stats = through_the_commands('wholebody', files('wholebody', folder), folder.parent)
    assert (stats['n_images'], len(stats['stats'])) == (4, 10)


def test_heads_and_defaults():
    module = module_of('wholebody')
    assert [meta.n_fields for meta in module.head_metas] == [133, 160]
    assert (module.edge, module.bmin) == (385, 1.0)
    assert module.val_files[0] == 'data-mscoco/annotations/coco_wholebody_val_v1.0.json'


def test_official_layout_is_joined(folder, official):
    truth, joined = (
        module.eval_samples(module.eval_preprocess())[0].truth.keypoints
        for module in (module_of('wholebody', files('wholebody', path)) for path in (folder, official))
    )
    np.testing.assert_array_equal(joined[..., :2], truth[..., :2])
    assert (truth[..., 2] == 2).all()
    assert set(joined[:, 23:91, 2].ravel()) == {1}
    assert (np.delete(joined, np.s_[23:91], axis=1)[..., 2] == 2).all()


def test_the_metric_knows_the_official_layout(official):
    flags = [*files('wholebody', official), '--wholebody-upsample=4']
    assert stats_of_an_oracle(module_of('wholebody', flags))['AP0.5'] > 0.99


def test_weights():
    plain = module_of('wholebody').head_metas
    cif, caf = module_of('wholebody', ['--wholebody-apply-local-centrality-weights']).head_metas
    assert {meta.training_weights for meta in plain} == {()}
    assert cif.training_weights == keypoint_weights(WHOLEBODY)
    assert len(caf.training_weights) == 160


def test_test_images():
    assert module_of('wholebody', ['--wholebody-eval-testdev2017']).eval_files == (
        'data-mscoco/annotations/image_info_test-dev2017.json',
        'data-mscoco/images/test2017/',
    )
    with pytest.raises(ValueError, match='different images to evaluate'):
        module_of('wholebody', ['--wholebody-eval-test2017', '--wholebody-eval-testdev2017'])


def test_wrong_number_of_keypoints(official):
    document = json.loads(official.read_text())
    document['annotations'][2]['foot_kpts'] = [0] * 9
    official.write_text(json.dumps(document))
    with pytest.raises(ValueError, match='annotation 3 has 390 keypoint values in place of 399'):
        module_of('wholebody', files('wholebody', official)).eval_samples(module_of('wholebody').eval_preprocess())
