import json

import pytest
from instances import keypoint_folder, module_of, stats_of_an_oracle, through_the_commands, upright, write

from pifpaf_core.skeletons.crowdpose import CROWDPOSE_PERSON


@pytest.fixture
def folder(tmp_path):
    """Images of crowd index 0, 0.1, 0.5 and 0.9."""
    path = keypoint_folder(tmp_path, CROWDPOSE_PERSON)
    document = json.loads(path.read_text())
    for image, index in zip(document['images'], (0.0, 0.1, 0.5, 0.9), strict=True):
        image['crowdIndex'] = index
    path.write_text(json.dumps(document))
    return path


def flags(path):
    return [f'--crowdpose-{split}-annotations={path}' for split in ('train', 'val')] + [
        f'--crowdpose-image-dir={path.parent / "images"}'
    ]


def test_train_evaluate_predict(folder):
    stats = through_the_commands('crowdpose', flags(folder), folder.parent)
    assert (stats['n_images'], len(stats['stats'])) == (4, 10)


def test_right_fields_have_the_best_score(folder):
    assert stats_of_an_oracle(module_of('crowdpose', [*flags(folder), '--crowdpose-upsample=4']))['AP'] > 0.99


def test_files_of_the_official_layout():
    module = module_of('crowdpose')
    assert module.train_files == ('data-crowdpose/json/crowdpose_train.json', 'data-crowdpose/images/')
    assert module.eval_files == ('data-crowdpose/json/crowdpose_val.json', 'data-crowdpose/images/')
    test = module_of('crowdpose', ['--crowdpose-eval-test'])
    assert test.eval_files == ('data-crowdpose/json/crowdpose_test.json', 'data-crowdpose/images/')


def test_heads():
    assert [meta.n_fields for meta in module_of('crowdpose').head_metas] == [14, 15]


@pytest.mark.parametrize(('index', 'ids'), [(None, [1, 2, 3, 4]), ('easy', [1, 2]), ('medium', [3]), ('hard', [4])])
def test_crowd_index(folder, index, ids):
    module = module_of('crowdpose', flags(folder) + ([f'--crowdpose-index={index}'] if index else []))
    samples = module.eval_samples(module.eval_preprocess())
    assert [samples[i].meta.image_id for i in range(len(samples))] == ids


def test_crowd_index_is_not_in_the_file(tmp_path):
    path = write(tmp_path, [[upright(CROWDPOSE_PERSON, left=9)]], {'keypoints': list(CROWDPOSE_PERSON.names)})
    module = module_of('crowdpose', [*flags(path), '--crowdpose-index=hard'])
    with pytest.raises(ValueError, match=r'images without crowdIndex\. Give CrowdPose'):
        module.eval_samples(module.eval_preprocess())


def test_two_kinds_of_images_to_evaluate():
    with pytest.raises(ValueError, match='different images to evaluate'):
        module_of('crowdpose', ['--crowdpose-eval-test', '--crowdpose-eval-annotations=x.json'])


def test_one_folder_holds_all_images(capsys):
    with pytest.raises(SystemExit):
        module_of('crowdpose', ['--crowdpose-train-image-dir=x'])
    assert 'unrecognized arguments' in capsys.readouterr().err
