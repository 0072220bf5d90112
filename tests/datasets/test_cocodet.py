import json

import numpy as np
import pytest
from instances import box_folder, files, module_of, stats_of_an_oracle, through_the_commands

from pifpaf_core import train
from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import EncoderOptions
from pifpaf_core.headmeta import CifDet
from pifpaf_core.transforms import Preprocess


@pytest.fixture
def folder(tmp_path):
    """Four images with a person and a car each."""
    return box_folder(tmp_path)


def test_two_epochs_evaluation_prediction(folder):
    output = folder.parent / 'more/model'
    stats = through_the_commands('cocodet', files('cocodet', folder), folder.parent)
    assert (stats['n_images'], len(stats['stats']), stats['text_labels'][3]) == (4, 12, 'APS')
    argv = ['--dataset=cocodet', '--loader-workers=0', '--quiet', *files('cocodet', folder), '--basenet=tiny']
    more = ['--batch-size=2', '--cocodet-square-edge=65', '--epochs=2', '--cocodet-upsample=2', f'--output={output}']
    assert train.main([*argv, *more, '--disable-cuda']) == 0
    records = [json.loads(line) for line in output.with_name('model.log').read_text().splitlines()]
    (config,) = [record for record in records if record.get('type') == 'config']
    assert config['field_names'] == ['cocodet.cifdet.c', 'cocodet.cifdet.vec']
    assert output.with_name('model.epoch002.safetensors').exists()


def test_right_fields_have_the_best_score(folder):
    stats = stats_of_an_oracle(module_of('cocodet', [*files('cocodet', folder), '--cocodet-upsample=2']))
    assert stats['AP'] > 0.99


def test_category_ids_of_coco(tmp_path):
    """Field = id - 1, over the gaps in COCO's numbering; ids that COCO 2017 does not use are not evaluated."""
    path = box_folder(tmp_path, (12, 90))
    module = module_of('cocodet', [*files('cocodet', path), '--cocodet-no-augmentation'])
    metas = tuple(meta.bound(i, 16) for i, meta in enumerate(module.head_metas))
    source = module.train_source(metas, EncoderOptions())
    (target,) = source.targets(source.sample(0, 0))
    assert set(np.flatnonzero((target[:, metas[0].target.confidence] == 1).any(axis=(1, 2)))) == {11, 89}
    assert stats_of_an_oracle(module)['AP'] > 0.99
    assert module.metric()._categories is not None and 12 not in module.metric()._categories


def test_head():
    (meta,) = module_of('cocodet', ['--cocodet-upsample=2']).head_metas
    assert isinstance(meta, CifDet)
    assert (meta.name, meta.dataset, meta.n_fields, meta.upsample) == ('cifdet', 'cocodet', 91, 2)


@pytest.mark.parametrize(
    ('flag', 'name', 'value'),
    [
        ('', 'edge', 513),
        ('--square-edge=385', 'edge', 385),
        ('--cocodet-square-edge=385', 'edge', 385),
        ('', 'scale', (0.7, 1.5)),
        ('--cocodet-extended-scale', 'scale', (0.5, 2.0)),
        ('', 'rotation', 10.0),
        ('', 'rotation_probability', 0.2),
        ('', 'min_size', 4.0),
        ('', 'min_visible', 0.75),
        ('', 'mirror', None),
        ('', 'stretch', (0.75, 1.33)),
        ('--cocodet-orientation-invariant=0.1', 'quarter_turn', 0.1),
        ('--cocodet-blur=0.2', 'blur', 0.2),
        ('--cocodet-rescale-images=0.5', 'rescale', 0.5),
        ('--resample=area', 'resample', 'area'),
    ],
)
def test_recipe(flag, name, value):
    assert getattr(module_of('cocodet', flag.split()).transform, name) == value


def test_no_augmentation():
    assert module_of('cocodet', ['--cocodet-no-augmentation']).transform == Preprocess(513, 'square', 'linear')


def test_small_and_cut_boxes_become_crowds():
    """FIELDS section 9: boxes below 4 pixels and boxes of which less than three quarters are left are ignored."""
    transform = module_of('cocodet', ['--cocodet-square-edge=129']).transform
    boxes = np.array([[100.0, 100, 50, 50], [300, 100, 3, 50], [10, 300, 300, 80]])
    truth = GroundTruth(np.zeros((3, 0, 3)), boxes, np.zeros(3, bool), np.array([1, 2, 3]))
    seen = {1: set(), 2: set(), 3: set()}
    for seed in range(30):
        sample = transform(np.zeros((400, 400, 3), np.uint8), truth, np.random.default_rng(seed))
        for category, crowd in zip(sample.truth.categories, sample.truth.crowd, strict=True):
            seen[int(category)].add(bool(crowd))
    assert seen[1] >= {False}
    assert True in seen[2]
    assert seen[3] == {True}  # more than twice as wide as the crop


def test_images_without_boxes(tmp_path):
    """They are not trained with, but evaluated: what is found there is wrong."""
    path = box_folder(tmp_path)
    document = json.loads(path.read_text())
    document['annotations'] = [a for a in document['annotations'] if a['image_id'] != 2]
    path.write_text(json.dumps(document))
    module = module_of('cocodet', files('cocodet', path))
    assert len(module.train_source((), EncoderOptions())) == 3
    assert len(module.eval_samples(module.eval_preprocess())) == 4


def test_unknown_category(tmp_path):
    path = box_folder(tmp_path, (1, 92))
    module = module_of('cocodet', files('cocodet', path))
    with pytest.raises(ValueError, match=r"category 92, and cocodet knows COCO's categories, 1 to 91\. Give"):
        module.eval_samples(module.eval_preprocess())


def test_files_of_the_official_layout():
    module = module_of('cocodet')
    assert module.train_files == ('data-mscoco/annotations/instances_train2017.json', 'data-mscoco/images/train2017/')
    assert module.eval_files == ('data-mscoco/annotations/instances_val2017.json', 'data-mscoco/images/val2017/')
