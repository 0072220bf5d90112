import threading
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from oracle import Oracle, oracle_checkpoint
from PIL import Image

from pifpaf_core.checkpoint import Checkpoint
from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKpOptions
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.network import create
from pifpaf_core.predictor import Predictor
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import Preprocess

METAS = [
    Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2),
    Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON, upsample=2),
]
PREPROCESS = Preprocess(257)


@pytest.fixture(scope='module')
def eight(repository):
    """The eight photographs."""
    root = repository / 'examples/coco-eight'
    options = CocoKpOptions(
        val_annotations=str(root / 'annotations/person_keypoints_val2017.json'),
        val_image_dir=str(root / 'images/val2017'),
    )
    (module,) = selection.build('cocokp', options={'cocokp': options})
    return module.eval_samples(PREPROCESS)


@pytest.fixture(scope='module')
def oracle(eight):
    return Oracle(METAS, (eight[i] for i in range(len(eight))))


def predictor(oracle, **options):
    return Predictor(oracle_checkpoint(oracle), preprocess=PREPROCESS, **options)


@pytest.fixture(scope='module')
def paths(eight):
    return [eight[i].meta.file_name for i in range(len(eight))]


def test_people_are_found_in_original_pixels(oracle, eight, paths):
    predictions = list(predictor(oracle).predict_files(paths))
    assert [meta.file_name for _, meta in predictions] == paths
    for i, (annotations, meta) in enumerate(predictions):
        truth = eight.images.truth_of(i)
        assert len(annotations) == len(truth)
        assert meta.original_size == tuple(eight.images.sizes[i])
        for pose in annotations:
            found = pose.keypoints[:, 2] > 0.1
            distances = np.linalg.norm(truth.keypoints[:, found, :2] - pose.keypoints[None, found, :2], axis=-1)
            labelled = truth.keypoints[:, found, 2] > 0
            assert min(np.max(d * v) for d, v in zip(distances, labelled, strict=True)) < 0.05


def as_arrays(predictions):
    return [[np.concatenate([pose.keypoints, pose.scales[:, None]], 1) for pose in poses] for poses, _ in predictions]


def equal(these, those, *, atol=0.0):
    return len(these) == len(those) and all(
        len(a) == len(b) and all(np.allclose(x, y, rtol=0, atol=atol) for x, y in zip(a, b, strict=True))
        for a, b in zip(these, those, strict=True)
    )


@pytest.mark.parametrize('batch_size', [2, 3, 8])
@pytest.mark.parametrize('loader_workers', [0, 3])
def test_no_batch_size_and_no_thread_changes_a_prediction(oracle, paths, batch_size, loader_workers):
    one = as_arrays(predictor(oracle, loader_workers=0).predict_files(paths * 2))
    oracle.batch_sizes.clear()
    options = DecoderOptions(decoder_workers=4)
    several = predictor(oracle, batch_size=batch_size, loader_workers=loader_workers, decoder_options=options)
    assert equal(as_arrays(several.predict_files(paths * 2)), one)
    assert max(oracle.batch_sizes) > 1


@pytest.fixture(scope='module')
def random_network():
    """A network with weights by chance."""
    torch.manual_seed(0)
    return create('tiny', METAS).eval()


def test_a_real_network_sees_each_image_alone(random_network, paths):
    """What another image of the batch shows does not matter; convolutions of batches may round differently."""

    def fields(batch_size):
        seen = []
        checkpoint = Checkpoint(random_network, 'tiny', 0, {})
        observer = lambda sample, fields, annotations: seen.append(fields)  # noqa: E731
        options = {'preprocess': PREPROCESS, 'batch_size': batch_size, 'observer': observer}
        assert len(list(Predictor(checkpoint, **options).predict_files(paths))) == 8
        return seen

    one, four = fields(1), fields(4)
    for a, b in zip(one, four, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=0, atol=1e-4)


def test_samples_at_once(oracle, eight, paths):
    (one,) = predictor(oracle).predict_files(paths[:1])
    (at_once,) = predictor(oracle).predict_batch([eight[0]])
    assert equal(as_arrays([one]), as_arrays([at_once]))


def test_images_in_memory(oracle, paths):
    array = cv2.imread(paths[0])[..., ::-1].copy()
    images = [array, Image.fromarray(array), torch.from_numpy(array).permute(2, 0, 1)]
    found = as_arrays(predictor(oracle, loader_workers=0).predict_images(images))
    assert equal(found, as_arrays(predictor(oracle).predict_files(paths[:1])) * 3)


@pytest.mark.parametrize('image', [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), torch.zeros(3, 8, 8), 'photo.jpg'])
def test_what_is_no_image(oracle, image):
    with pytest.raises(ValueError, match=r'an image is .*\. Give uint8 RGB'):
        list(predictor(oracle).predict_images([image]))


@pytest.fixture
def with_damage(paths, tmp_path):
    """Sound files, a truncated one, a missing one, and one that is no image, first, in the middle and last."""
    truncated, text = tmp_path / 'truncated.jpg', tmp_path / 'text.jpg'
    truncated.write_bytes(Path(paths[0]).read_bytes()[:5000])
    text.write_text('no image')
    return [str(text), *paths[:3], str(truncated), str(tmp_path / 'absent.jpg'), *paths[3:5], str(text)]


@pytest.mark.parametrize('batch_size', [1, 4])
def test_a_damaged_image_is_reported_and_the_rest_goes_on(oracle, paths, with_damage, batch_size):
    problems = []
    found = list(predictor(oracle, batch_size=batch_size).predict_files(with_damage, on_error=problems.append))
    assert [meta.file_name for _, meta in found] == paths[:5]
    named = [next(n for n in ('text.jpg', 'truncated.jpg', 'absent.jpg') if n in str(problem)) for problem in problems]
    assert named == ['text.jpg', 'truncated.jpg', 'absent.jpg', 'text.jpg']


def test_without_a_handler_a_damaged_image_ends_it(oracle, with_damage):
    predictions = predictor(oracle).predict_files(with_damage[1:])
    assert len([next(predictions) for _ in range(3)]) == 3
    with pytest.raises(OSError, match='truncated'):
        next(predictions)


@pytest.mark.parametrize('batch_size', [1, 4])
@pytest.mark.parametrize('odd', [0, 50], ids=['mixed sizes', 'every 50th is of another size'])
def test_a_stream_of_frames_is_not_held(random_network, batch_size, odd):
    """Of 500 frames few are in memory at any time, whatever their sizes; see `Predictor` for the bound."""
    frames, held, peak, taken = [], 0, 0, 0

    def gone():
        nonlocal held
        held -= 1

    def stream():
        nonlocal held
        for i in range(500):
            other = i % odd == 0 if odd else i % 3 == 0
            frame = np.full((24, 40, 3) if other else (40, 24, 3), i % 256, np.uint8)
            weakref.finalize(frame, gone)
            held += 1
            frames.append(i)
            yield frame
            del frame

    workers = 2
    finder = Predictor(
        Checkpoint(random_network, 'tiny', 0, {}), batch_size=batch_size, loader_workers=workers,
        decoder_options=DecoderOptions(decoder_workers=workers, seed_threshold=0.9),
    )  # fmt: skip
    ahead = 0
    for _ in finder.predict_images(stream()):
        taken += 1
        ahead, peak = max(ahead, len(frames) - taken), max(peak, held)
    assert taken == 500
    bound = 2 * max(workers, batch_size) + 6 * batch_size + 2 * workers + 4
    assert ahead <= bound and peak <= bound
    assert ahead >= 2 * batch_size  # reading does run ahead


def test_no_thread_is_left(oracle, paths):
    before = threading.active_count()
    for prediction in predictor(oracle, loader_workers=2).predict_files(paths):
        assert prediction
        break
    assert threading.active_count() == before


def test_the_observer_sees_every_image_in_order(oracle, paths):
    seen = []

    def observe(sample, fields, annotations):
        seen.append((sample.meta.file_name, [field.shape[:2] for field in fields], len(annotations)))

    counts = [
        len(annotations) for annotations, _ in predictor(oracle, batch_size=4, observer=observe).predict_files(paths)
    ]
    assert seen == [(path, [(17, 5), (19, 8)], count) for path, count in zip(paths, counts, strict=True)]


def test_times_add_up(oracle, paths):
    timed = predictor(oracle)
    list(timed.predict_files(paths[:2]))
    first = timed.times.network, timed.times.decoder
    list(timed.predict_files(paths[2:4]))
    assert 0.0 < first[0] < timed.times.network
    assert 0.0 < first[1] < timed.times.decoder


@pytest.mark.parametrize('resample', ['linear', 'area'])
def test_resampling_follows_the_training(random_network, resample):
    checkpoint = Checkpoint(random_network, 'tiny', 0, {'training': {'resample': resample}})
    assert Predictor(checkpoint).preprocess.resample == resample


def test_a_checkpoint_for_another_data_set(random_network):
    with pytest.raises(
        ValueError, match=r"no heads for the data set 'crowdpose', but for cocokp. Give --dataset=cocokp"
    ):
        Predictor(Checkpoint(random_network, 'tiny', 0, {}), datasets=['crowdpose'])


@pytest.mark.gpu
def test_the_gpu_sees_what_the_cpu_sees(paths):
    torch.manual_seed(0)
    seen = {'cpu': [], 'cuda': []}
    for device, fields in seen.items():
        network = create('tiny', METAS)
        torch.manual_seed(1)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        observer = lambda sample, found, annotations, fields=fields: fields.append(found)  # noqa: E731
        on = Predictor(Checkpoint(network, 'tiny', 0, {}), preprocess=PREPROCESS, device=device, observer=observer)
        assert len(list(on.predict_files(paths))) == 8
    for cpu, cuda in zip(seen['cpu'], seen['cuda'], strict=True):
        for x, y in zip(cpu, cuda, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3)
