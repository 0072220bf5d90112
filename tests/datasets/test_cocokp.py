import argparse
import dataclasses

import numpy as np
import pytest

from pifpaf_core.datasets.cocokp import CocoKp
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.options import add_options, from_args
from pifpaf_core.transforms import Preprocess
from pifpaf_core.transforms.augmentation import Augmentation

FLAGS = [
    '--coco-eval-extended-scale',
    '--coco-eval-long-edge',
    '--coco-eval-orientation-invariant',
    '--coco-no-eval-annotation-filter',
    '--cocokp-blur',
    '--cocokp-bmin',
    '--cocokp-eval-annotations',
    '--cocokp-eval-image-dir',
    '--cocokp-eval-test2017',
    '--cocokp-eval-testdev2017',
    '--cocokp-extended-scale',
    '--cocokp-kinematic-tree',
    '--cocokp-min-kp-anns',
    '--cocokp-no-augmentation',
    '--cocokp-orientation-invariant',
    '--cocokp-rescale-images',
    '--cocokp-square-edge',
    '--cocokp-train-annotations',
    '--cocokp-train-image-dir',
    '--cocokp-upsample',
    '--cocokp-val-annotations',
    '--cocokp-val-image-dir',
    '--cocokp-with-dense',
]


def parser():
    result = argparse.ArgumentParser(add_help=False)
    add_options(result, CocoKp.Options, prefix='cocokp')
    return result


def parse(line):
    return from_args(CocoKp.Options, parser().parse_args(line.split()), prefix='cocokp')


def module(line='', **loader):
    return CocoKp(parse(line), LoaderOptions(**loader))


def bound(data_module):
    return tuple(meta.bound(i, 16) for i, meta in enumerate(data_module.head_metas))


def test_all_flags():
    assert sorted(flag for action in parser()._actions for flag in action.option_strings) == FLAGS


def test_defaults_are_those_of_the_official_layout():
    options = parse('')
    assert options.train_annotations == 'data-mscoco/annotations/person_keypoints_train2017.json'
    assert options.val_annotations == 'data-mscoco/annotations/person_keypoints_val2017.json'
    assert options.train_image_dir == 'data-mscoco/images/train2017/'
    assert options.val_image_dir == 'data-mscoco/images/val2017/'


def test_heads():
    cif, caf = module().head_metas
    assert isinstance(cif, Cif)
    assert isinstance(caf, Caf)
    assert (cif.name, cif.dataset, cif.n_fields, cif.upsample) == ('cif', 'cocokp', 17, 1)
    assert (caf.name, caf.dataset, caf.n_fields, caf.dense) == ('caf', 'cocokp', 19, False)


def test_with_dense():
    dense = module('--cocokp-with-dense').head_metas[2]
    assert (dense.name, dense.dense, dense.n_fields) == ('caf25', True, 25)


def test_kinematic_tree():
    cif, caf = module('--cocokp-kinematic-tree').head_metas
    assert caf.n_fields == 16
    assert cif.skeleton == caf.skeleton
    with pytest.raises(ValueError, match='Give one of them'):
        module('--cocokp-kinematic-tree --cocokp-with-dense')


def test_upsample():
    assert {meta.upsample for meta in module('--cocokp-upsample=2 --cocokp-with-dense').head_metas} == {2}


@pytest.mark.parametrize(
    ('flag', 'name', 'value'),
    [
        ('', 'scale', (0.4, 2.0)),
        ('--cocokp-extended-scale', 'scale', (0.25, 2.0)),
        ('', 'quarter_turn', 0.0),
        ('--cocokp-orientation-invariant=0.1', 'quarter_turn', 0.1),
        ('--cocokp-blur=0.3', 'blur', 0.3),
        ('--cocokp-rescale-images=0.5', 'rescale', 0.5),
        ('', 'edge', 385),
        ('--cocokp-square-edge=513', 'edge', 513),
        ('', 'rotation', 30.0),
        ('', 'rotation_probability', 0.4),
        ('', 'resample', 'linear'),
    ],
)
def test_recipe(flag, name, value):
    assert getattr(module(flag).transform, name) == value


def test_square_edge_of_all_data_sets():
    assert module(square_edge=257).transform.edge == 257
    assert module('--cocokp-square-edge=513', square_edge=257).transform.edge == 513


def test_resample():
    assert module(resample='area').transform.resample == 'area'
    assert module('--cocokp-no-augmentation', resample='area').transform.resample == 'area'
    assert module().eval_preprocess(resample='area').resample == 'area'
    assert module(resample='linear').eval_preprocess(resample='area').resample == 'linear'


def test_no_augmentation_is_the_preprocessing_of_evaluation():
    assert isinstance(module().transform, Augmentation)
    assert module('--cocokp-no-augmentation --cocokp-square-edge=257').transform == Preprocess(257, 'square')


def test_eval_preprocess():
    assert module().eval_preprocess() == Preprocess(641, 'tight')
    assert module('--coco-eval-long-edge=385').eval_preprocess(padding='square') == Preprocess(385, 'square')
    assert module('--coco-eval-long-edge=385').eval_preprocess(long_edge=0) == Preprocess(0)


@pytest.mark.parametrize(
    ('flags', 'files'),
    [
        ('', ('data-mscoco/annotations/person_keypoints_val2017.json', 'data-mscoco/images/val2017/')),
        ('--cocokp-val-annotations=a.json --cocokp-val-image-dir=b', ('a.json', 'b')),
        ('--cocokp-eval-annotations=c.json --cocokp-eval-image-dir=d', ('c.json', 'd')),
        (
            '--cocokp-eval-test2017',
            ('data-mscoco/annotations/image_info_test2017.json', 'data-mscoco/images/test2017/'),
        ),
        (
            '--cocokp-eval-testdev2017',
            ('data-mscoco/annotations/image_info_test-dev2017.json', 'data-mscoco/images/test2017/'),
        ),
        (
            '--cocokp-eval-testdev2017 --cocokp-eval-image-dir=e',
            ('data-mscoco/annotations/image_info_test-dev2017.json', 'e'),
        ),
    ],
)
def test_files_to_evaluate(flags, files):
    assert module(flags).eval_files == files


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('--cocokp-eval-test2017 --cocokp-eval-testdev2017', 'Give one of them'),
        ('--cocokp-eval-test2017 --cocokp-eval-annotations=a.json', 'Give one of them'),
        ('--cocokp-square-edge=3', 'too small'),
        ('--cocokp-blur=1.5', 'blur is 1.5, a probability. Give 0 to 1'),
        ('--cocokp-rescale-images=0', 'Give a positive factor'),
        ('--cocokp-bmin=0', 'bmin is 0.0 pixels'),
        ('--coco-eval-long-edge=1', 'makes no image'),
        ('--cocokp-upsample=0', 'upsample is 0'),
        ('--cocokp-min-kp-anns=-1', 'min-kp-anns is -1'),
        ('--cocokp-no-augmentation --cocokp-blur=0.1', 'no-augmentation leaves blur out. Give one of them'),
        ('--cocokp-no-augmentation --cocokp-extended-scale', 'no-augmentation leaves extended-scale out'),
    ],
)
def test_senseless_values(line, message):
    with pytest.raises(ValueError, match=message):
        parse(line)


def test_sources(folder, encoder):
    data_module = CocoKp(folder.options(min_kp_anns=1), LoaderOptions())
    source = data_module.train_source(bound(data_module), encoder)
    assert (source.name, len(source), source.shuffled) == ('cocokp-train', 4, True)
    sample = source.sample(0, 1)
    cif, caf = source.targets(sample)
    assert cif.shape == (17, 5, 5, 5)
    assert caf.shape == (19, 9, 5, 5)
    assert sample.meta.dataset == 'cocokp'
    assert sample.meta.file_name.endswith('002.jpg')
    assert data_module.val_source(bound(data_module), encoder).name == 'cocokp-val'


def test_samples_vary_with_epoch_seed_and_split(folder, encoder):
    def matrices(seed=0, epoch=0, split='train'):
        data_module = CocoKp(folder.options(), LoaderOptions(seed=seed))
        source = getattr(data_module, f'{split}_source')(bound(data_module), encoder)
        return [source.sample(epoch, i).meta.matrix for i in range(4)]

    first = matrices()
    np.testing.assert_array_equal(first, matrices())
    for other in (matrices(seed=1), matrices(epoch=1), matrices(split='val')):
        assert not np.allclose(first, other)


def test_without_augmentation_epochs_differ_in_the_grey_around_images_alone(folder, encoder):
    data_module = CocoKp(folder.options(augmentation=False), LoaderOptions())
    source = data_module.train_source(bound(data_module), encoder)
    assert not source.shuffled
    first, again, other = source.sample(0, 2), source.sample(0, 2), source.sample(5, 2)
    assert first.image.shape == (65, 65, 3)
    np.testing.assert_array_equal(first.image, again.image)
    x, y, width, height = first.meta.valid_area.astype(int)
    inside = np.zeros((65, 65), bool)
    inside[y : y + height + 1, x : x + width + 1] = True
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(first.image[inside], other.image[inside])
    for sample in (first, other):
        assert len(np.unique(sample.image[~inside])) == 1
    assert first.image[~inside][0, 0] != other.image[~inside][0, 0]


def test_bmin_reaches_the_targets(folder, encoder):
    def smallest(bmin):
        data_module = CocoKp(folder.options(augmentation=False, bmin=bmin), LoaderOptions())
        source = data_module.train_source(bound(data_module), encoder)
        (cif, _), layout = source.targets(source.sample(0, 0)), data_module.head_metas[0].target
        return np.nanmin(cif[:, layout.bmin(0)])

    assert smallest(0.8) == pytest.approx(0.8 / 16)
    assert smallest(1.6) == pytest.approx(1.6 / 16)


def test_heads_of_other_data_sets_get_no_targets(folder, encoder):
    data_module = CocoKp(folder.options(), LoaderOptions())
    cif, caf = bound(data_module)
    source = data_module.train_source([cif, dataclasses.replace(caf, dataset='other')], encoder)
    targets = source.targets(source.sample(0, 0))
    assert targets[0] is not None
    assert targets[1] is None


def test_min_kp_anns_filters_images(folder, encoder):
    folder.add_image(people=2)
    folder.save()
    data_module = CocoKp(folder.options(min_kp_anns=2), LoaderOptions())
    assert len(data_module.train_source(bound(data_module), encoder)) == 1
    assert len(data_module.eval_samples(data_module.eval_preprocess())) == 1


def test_eval_samples(folder):
    folder.add_image(people=0)
    folder.save()
    options = folder.options()
    data_module = CocoKp(options, LoaderOptions())
    samples = data_module.eval_samples(data_module.eval_preprocess(long_edge=193))
    assert len(samples) == 4
    assert samples[1].meta.image_id == 2
    assert samples[1].meta.size == (193, 129)
    assert len(samples[1].truth) == 1
    assert len(list(samples)) == 4
    assert len(data_module.eval_samples(data_module.eval_preprocess(), n_images=3)) == 3
    unfiltered = CocoKp(folder.options(eval_annotation_filter=False), LoaderOptions())
    assert len(unfiltered.eval_samples(unfiltered.eval_preprocess())) == 5


def test_eval_of_images_without_annotations(folder, make_folder):
    other = make_folder(2, 'test')
    del other.document['annotations']
    other.save()
    options = folder.options(eval_annotations=other.annotations, eval_image_dir=other.images)
    data_module = CocoKp(options, LoaderOptions())
    samples = data_module.eval_samples(data_module.eval_preprocess())
    assert len(samples) == 2
    metric = data_module.metric()
    metric.accumulate([], samples[0].meta)
    assert metric.stats() == {'stats': [], 'text_labels': []}


def test_nothing_to_evaluate(folder):
    data_module = CocoKp(folder.options(min_kp_anns=5), LoaderOptions())
    with pytest.raises(ValueError, match='has no images to evaluate'):
        data_module.eval_samples(data_module.eval_preprocess())


def varied(folder, **changes):
    data_module = CocoKp(folder.options(**changes), LoaderOptions())
    samples = data_module.eval_samples(data_module.eval_preprocess(long_edge=97))
    assert [s.meta.size for s in samples] == [s.meta.size for s in samples]  # a function of the image
    return [s.meta for s in samples]


def test_eval_extended_scale(make_folder):
    folder = make_folder(12)
    sizes = {meta.size for meta in varied(folder, eval_extended_scale=True)}
    assert sizes == {(97, 65), (49, 33)}


def test_eval_orientation_invariant(make_folder):
    folder = make_folder(12)
    sizes = [meta.size for meta in varied(folder, eval_orientation_invariant=0.5)]
    assert set(sizes) == {(97, 65), (65, 97)}
    assert {meta.size for meta in varied(folder)} == {(97, 65)}
    angles = {
        tuple(np.sign(np.round(meta.matrix[0, :2], 3))) for meta in varied(folder, eval_orientation_invariant=1.0)
    }
    assert len(angles) == 3
    assert (1.0, 0.0) not in angles
