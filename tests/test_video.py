"""``pifpaf predict`` on videos that the tests write."""

import json
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from oracle import Oracle, oracle_checkpoint

from pifpaf_core import checkpoint, predict, video
from pifpaf_core.annotation import GroundTruth
from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKpOptions
from pifpaf_core.predictor import Predictor
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import Preprocess
from pifpaf_core.visualize.options import ShowOptions

WIDTH, HEIGHT = 192, 160
SEEN = {3: 60.0, 7: 120.0}
"""In which frames somebody stands where, in pixels from the left."""


def write_video(path, frames, rate=12.5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), rate, frames[0].shape[1::-1])
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def read_video(path):
    with video.Video(str(path)) as film:
        return list(film.frames())


def person(x):
    keypoints = np.concatenate([np.array(COCO_PERSON.upright) * [8.0, -12.0] + [x, 142.0], np.full((17, 1), 2.0)], 1)
    low, high = keypoints[:, :2].min(0), keypoints[:, :2].max(0)
    return GroundTruth(keypoints[None], np.concatenate([low, high - low])[None], np.zeros(1, bool), np.ones(1, int))


@pytest.fixture
def grey():
    """Twenty plain frames, each a little lighter."""
    return [np.full((HEIGHT, WIDTH, 3), 10 * i, np.uint8) for i in range(20)]


@pytest.fixture
def film(tmp_path, monkeypatch, grey):
    monkeypatch.chdir(tmp_path)
    write_video('film.avi', grey)
    return tmp_path / 'film.avi'


@pytest.fixture
def known(film):
    """An oracle that sees somebody in two of the frames."""
    (module,) = selection.build('cocokp', options={'cocokp': CocoKpOptions(upsample=2)})
    frames = read_video(film)
    return Oracle(module.head_metas, [Preprocess()(frames[i], person(x)) for i, x in SEEN.items()])


@pytest.fixture
def run(monkeypatch, known):
    monkeypatch.setattr(checkpoint, 'load', lambda path, *, progress: oracle_checkpoint(known))
    return lambda *argv: predict.main(['--checkpoint=oracle', '--force-complete-pose', *map(str, argv)])


def made(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != 'film.avi')


def test_frames_are_what_was_written(film, grey):
    with video.Video(str(film)) as opened:
        assert opened.rate == 12.5
        frames = list(opened.frames())
    assert len(frames) == 20
    assert all(np.abs(a.astype(int) - b).max() <= 3 for a, b in zip(frames, grey, strict=True))


def test_colors_are_rgb(tmp_path):
    write_video(tmp_path / 'red.avi', [np.tile(np.array([200, 30, 20], np.uint8), (64, 64, 1))] * 3)
    assert np.abs(read_video(tmp_path / 'red.avi')[1].reshape(-1, 3).mean(0) - [200, 30, 20]).max() < 8


@pytest.mark.parametrize('batch_size', [1, 4])
def test_json_and_annotated_copy(film, run, capsys, batch_size):
    assert run('film.avi', '--json-output', '--image-output', f'--batch-size={batch_size}') == 0
    assert made(film.parent) == ['film.avi.predictions.json', 'film.avi.predictions.mp4']
    records = json.loads(Path('film.avi.predictions.json').read_text())
    assert [record['frame'] for record in records] == list(range(20))
    assert {record['frame']: len(record['predictions']) for record in records if record['predictions']} == {3: 1, 7: 1}
    for number, x in SEEN.items():
        found = np.reshape(records[number]['predictions'][0]['keypoints'], (17, 3))
        assert np.abs(found[:, :2] - person(x).keypoints[0, :, :2]).max() < 2.0
    copy = read_video('film.avi.predictions.mp4')
    assert [frame.shape for frame in copy] == [(HEIGHT, WIDTH, 3)] * 20
    assert [round(np.median(frame) / 10) for frame in copy[::5]] == [0, 5, 10, 15]
    assert [i for i, frame in enumerate(copy) if frame.std() > 10] == [3, 7]
    with video.Video('film.avi.predictions.mp4') as opened:
        assert opened.rate == 12.5
    assert 'film.avi: 2 found in 20 frames' in capsys.readouterr().err


def test_into_folders_and_files(film, run):
    assert run('film.avi', '--json-output=poses/', '--image-output=drawn/copy.avi') == 0
    assert made(film.parent / 'poses') == ['film.avi.predictions.json']
    assert made(film.parent / 'drawn') == ['copy.avi']
    assert len(read_video('drawn/copy.avi')) == 20


def test_images_and_videos_at_once(film, run, grey):
    cv2.imwrite('photo.png', grey[0])
    assert run('photo.png', '--glob=*.avi', '--json-output=poses/') == 0
    assert made(film.parent / 'poses') == ['film.avi.predictions.json', 'photo.png.predictions.json']
    assert json.loads(Path('poses/photo.png.predictions.json').read_text()) == []


def test_plots_are_named_by_frame(film, run):
    assert run('film.avi', '--debug-indices', 'cif:0:confidence', '--save-all=plots') == 0
    assert made(film.parent / 'plots') == [f'film.{i:06d}.cif.00-nose.confidence.jpeg' for i in range(20)]


def test_frames_are_not_kept(film, known, grey):
    """However long the film is, only frames that are read ahead are in memory, also when a copy is drawn."""
    frames, alive = [], []

    class Frame(np.ndarray):
        pass

    class Watched(video.Video):
        def frames(self):
            for frame in super().frames():
                watched = frame.view(Frame)
                frames.append(weakref.ref(watched))
                yield watched
                alive.append(sum(frame() is not None for frame in frames))

    write_video('long.avi', [frame[:32, :32] for frame in grey] * 10)
    predictor = Predictor(oracle_checkpoint(known), loader_workers=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, 'Video', Watched)
        video.predict_video(predictor, 'long.avi', json_path=None, drawn_path=Path('copy.mp4'), show=ShowOptions())
    assert len(frames) == 200 and max(alive) < 60


def test_a_damaged_video_is_reported_and_the_rest_goes_on(film, run, capsys):
    Path('cut.avi').write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    Path('text.mp4').write_text('no video')
    assert run('cut.avi', 'text.mp4', 'absent.mov', 'film.avi', '--json-output=poses/', '--image-output=drawn/') == 1
    assert made(film.parent / 'poses') == ['film.avi.predictions.json']
    assert made(film.parent / 'drawn') == ['film.avi.predictions.mp4']
    error = capsys.readouterr().err
    assert "video 'cut.avi' " in error
    assert "video 'text.mp4' cannot be read. Convert it" in error and "video 'absent.mov' is missing" in error
    assert '3 of 4 files could not be used' in error


@pytest.mark.parametrize(
    ('argv', 'problem'),
    [
        (
            ['film.avi', '--image-output=x.jpeg'],
            "'x.jpeg' is no .mp4 or .avi, but 'film.avi' is a video",
        ),
        (['film.avi', '--image-output=film.avi'], 'would overwrite'),
    ],
)
def test_outputs_that_make_no_video(film, run, capsys, argv, problem):
    before = film.read_bytes()
    assert run(*argv) == 2
    error = capsys.readouterr().err
    assert problem in error and error.count('\n') == 1
    assert film.read_bytes() == before
