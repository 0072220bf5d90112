"""A data set with a skeleton of its own is a subclass with tables."""

import json
from pathlib import Path

import numpy as np
import pytest

from pifpaf_core.annotation import Pose
from pifpaf_core.datasets.keypoints import KeypointModule, KeypointOptions
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.skeletons import skeleton_from_tables
from pifpaf_core.transforms.augmentation import Augmentation

DOG = skeleton_from_tables(
    keypoints=[('nose', 0.05, (0.0, 2.0)), ('left_paw', 0.08, (-1.0, 0.0)), ('right_paw', 0.08, (1.0, 0.0))],
    connections=[(1, 2), (1, 3)],
)


class DogKp(KeypointModule):
    """Dogs, which are category 4."""

    name = 'dogkp'
    Options = KeypointOptions
    skeleton = DOG
    categories = (4,)
    recipe = Augmentation(edge=65, scale=(0.9, 1.1))


@pytest.fixture
def dogs(folder):
    """The folder with a dog in place of each person."""
    folder.document['categories'] = [{'id': 4, 'name': 'dog', 'keypoints': list(DOG.names)}]
    for annotation in folder.document['annotations']:
        keypoints = [40.0, 10.0, 2, 20.0, 50.0, 2, 60.0, 50.0, 1]
        annotation.update(category_id=4, keypoints=keypoints, num_keypoints=3, bbox=[20, 10, 40, 40])
    files = {'annotations': folder.annotations, 'image_dir': folder.images}
    paths = {f'{split}_{name}': value for split in ('train', 'val') for name, value in files.items()}
    folder.save()
    return lambda **changes: DogKp(KeypointOptions(**{**paths, **changes}), LoaderOptions())


def test_targets(dogs, encoder):
    module = dogs(augmentation=False)
    metas = [meta.bound(i, 16) for i, meta in enumerate(module.head_metas)]
    source = module.train_source(metas, encoder)
    cif, caf = source.targets(source.sample(0, 0))
    assert cif.shape == (3, 5, 5, 5)
    assert caf.shape == (2, 9, 5, 5)
    assert (cif[:, metas[0].target.confidence] == 1.0).any(axis=(1, 2)).all()


def test_tables_reach_the_recipe(dogs):
    transform = dogs().transform
    assert (transform.edge, transform.scale, transform.mirror) == (65, (0.9, 1.1), (0, 2, 1))


def test_metric(dogs):
    module = dogs()
    samples = module.eval_samples(module.eval_preprocess(long_edge=0))
    metric = module.metric()
    for sample in samples:
        found = np.concatenate([sample.truth.keypoints[0, :, :2], np.ones((3, 1))], axis=1)
        pose = Pose(DOG, found, np.ones(3), category_id=4).inverse(sample.meta.matrix)
        metric.accumulate([pose] if sample.meta.image_id < 4 else [], sample.meta)
    stats = dict(zip(*[metric.stats()[key] for key in ('text_labels', 'stats')], strict=True))
    assert stats['AR'] == pytest.approx(0.75)
    assert metric.predictions[-1] == {'image_id': 4, 'category_id': 4, 'keypoints': [0.0] * 9, 'score': 0.001}


def test_files_without_categories_of_this_data_set(dogs, encoder):
    module = dogs()
    document = json.loads(Path(module.options.train_annotations).read_text())
    document['categories'][0]['id'] = 1
    for annotation in document['annotations']:
        annotation['category_id'] = 1
    Path(module.options.train_annotations).write_text(json.dumps(document))
    source = module.train_source([meta.bound(i, 16) for i, meta in enumerate(module.head_metas)], encoder)
    assert len(source) == 0
