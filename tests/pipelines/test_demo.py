"""What the demo gathers and prints; and, where ``make demo`` was run, whether its result is what it should be."""

import json

import numpy as np
import pytest
import yaml

from components.runtime.run_folder import SUCCEEDED, RunFolder
from pifpaf_core.metrics.oks import match
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pipelines import demo


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A run as the stages leave it, in a clone elsewhere."""
    folder = tmp_path / 'outputs' / 'demo'
    monkeypatch.setattr(demo, 'CLONE', tmp_path)
    monkeypatch.setattr(demo, 'FOLDER', folder)
    run = RunFolder(str(folder / 'runs'), 'r1')
    run.update_record(mlflow={'run_id': 'abc'})
    facts = {'epochs': 100, 'train_seconds': 200.0, 'first_loss': 4000.0, 'last_loss': -900.0, 'images_per_second': 3.5}
    run.end(SUCCEEDED, **facts)
    (tmp_path / 'weights').write_bytes(b'weights')
    for epoch, ap in ((50, 0.9), (75, 0.99), (100, 0.98)):
        run.commit_checkpoint(epoch, tmp_path / 'weights')
        run.record_evaluation(epoch, {'metrics': {'AP': ap, 'AP50': 1.0, 'AR': 0.99}})
    run.store.write('submission/x.zip', b'zip')
    for name in ('1.jpg.predictions.jpeg', '1.jpg.predictions.json'):
        run.store.write(f'predictions/{name}', b'x')
    return run


def test_the_summary_has_its_keys_and_paths_relative_to_the_clone(finished, tmp_path):
    summary = demo.gather(finished)
    wanted = {'AP', 'AP50', 'AR', 'epochs', 'train_seconds', 'zip', 'mlflow_run_id', 'checkpoint', 'pictures'}
    assert wanted <= set(summary)
    assert (summary['AP'], summary['best_epoch'], summary['mlflow_run_id']) == (0.99, 75, 'abc')
    assert summary['checkpoint'] == 'outputs/demo/runs/r1/checkpoints/e0075/weights.safetensors'
    assert (tmp_path / summary['zip']).read_bytes() == b'zip'
    assert summary['pictures'] == ['outputs/demo/predictions/1.jpg.predictions.jpeg']
    assert (tmp_path / summary['pictures'][0]).exists()


def test_the_table_says_what_it_is(finished):
    text = demo.table(demo.gather(finished), seconds=300.0)
    for said in ('0.990', '4000.0 -> -900.0', '3.5', 'make ui', 'submission.zip', 'Overfitting on purpose'):
        assert said in text


def test_help_runs_nothing(finished, capsys, monkeypatch):
    monkeypatch.setattr(demo.embedded, 'run', None)
    with pytest.raises(SystemExit) as stop:
        demo.main(['--help'])
    assert stop.value.code == 0 and 'make demo' in capsys.readouterr().out


@pytest.fixture(scope='module')
def result(repository):
    path = repository / 'outputs' / 'demo' / 'summary.json'
    if not path.exists():
        pytest.skip('make demo was not run in this clone')
    return json.loads(path.read_text())


class TestResult:
    """Of the last ``make demo`` in this clone."""

    def test_it_overfits(self, result):
        assert result['AP'] >= 0.95
        assert result['AP50'] >= 0.95
        assert result['last_loss'] < result['first_loss']

    def test_everything_is_where_it_says(self, result, repository):
        for path in (result['checkpoint'], result['zip'], result['report'], result['pipeline'], *result['pictures']):
            assert (repository / path).stat().st_size > 0
        assert len(result['pictures']) == 8
        documents = list(yaml.safe_load_all((repository / result['pipeline']).read_text()))
        assert documents[0]['pipelineInfo']['name'] == 'pose-training'

    def test_each_person_is_matched_by_exactly_one_pose(self, result, repository):
        truth = json.loads((repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json').read_text())
        people_matched = 0
        for image in truth['images']:
            people = [a for a in truth['annotations'] if a['image_id'] == image['id']]
            file = repository / 'outputs/demo/predictions' / f'{image["file_name"]}.predictions.json'
            poses = json.loads(file.read_text())
            matching = match(
                np.array([pose['keypoints'] for pose in poses]).reshape(-1, 17, 3),
                np.array([person['keypoints'] for person in people]).reshape(-1, 17, 3),
                np.array([person['area'] for person in people]),
                sigmas=COCO_PERSON.sigmas,
            )
            assert matching.one_to_one, f'{image["file_name"]}: {matching}'
            people_matched += len(matching.pairs)
        assert people_matched == 12
