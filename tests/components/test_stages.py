"""Whole stages with KFP's executor input, the store and MLflow; the library's commands write what they would write."""

import json
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.predict import __main__ as predict
from components.prepare_dataset import __main__ as prepare_dataset
from components.runtime import core, data
from components.runtime.run_folder import FAILED, SUCCEEDED
from components.runtime.store import open_store
from components.runtime.tracked_run import TrackedRun
from components.testdev_submit_zip import __main__ as testdev
from components.train import __main__ as train
from components.train.summary import Summary
from components.watch_evaluate import __main__ as watch_evaluate
from pifpaf_core.metrics.submission import write_zip

LABELS = ['AP', 'AP0.5', 'AR']
POSE = {'image_id': 1, 'category_id': 1, 'keypoints': [0.5] * 51, 'score': 0.9}


class Commands:
    """Takes the place of `core.run`: notes what was asked for and writes what the command would write."""

    def __init__(self):
        self.calls = []
        self.ap = {5: 0.2, 10: 0.6, 15: 0.4}
        self.pose = POSE

    def __call__(self, argv, *, tick=lambda: None, **_):
        name, options = argv[2], {}
        if '--options' in argv:
            options = json.loads(argv[argv.index('--options') + 1])
        flags = dict(
            a.removeprefix('--').partition('=')[::2] for a in argv[3:] if a.startswith('--') and a != '--options'
        )
        positional = [a for a in argv[3:] if not a.startswith('--') and a != argv[-1]]
        self.calls.append((name, flags, options, positional))
        tick()
        getattr(self, name.rpartition('.')[2])(flags, positional)

    def eval(self, flags, _):
        if 'write-predictions' in flags:
            write_zip(f'{flags["output"]}.zip', [self.pose])
            return
        epoch = int(Path(flags['checkpoint']).name.split('epoch')[1][:3])
        stats = {'text_labels': LABELS, 'stats': [self.ap[epoch], 0.9, 0.7], 'n_images': 8}
        Path(flags['output'], f'{Path(flags["checkpoint"]).name}.eval-cocokp.stats.json').write_text(json.dumps(stats))

    def predict(self, flags, images):
        for image in images:
            name = Path(image).name
            Path(flags['json-output'], f'{name}.predictions.json').write_text('[{}, {}]')
            cv2.imwrite(f'{flags["image-output"]}/{name}.predictions.jpeg', np.zeros((8, 8, 3), np.uint8))


@pytest.fixture
def commands(monkeypatch):
    found = Commands()
    monkeypatch.setattr(core, 'run', found)
    return found


@pytest.fixture
def dataset(tmp_path, run):
    """A prepared data set in the store: its URI."""
    folder = tmp_path / 'prepared'
    (folder / 'annotations').mkdir(parents=True)
    (folder / 'images/val2017').mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(folder / f'images/val2017/{number}.jpg'), np.zeros((8, 8, 3), np.uint8))
    for name in ('person_keypoints_val2017', 'image_info_test-dev2017'):
        (folder / f'annotations/{name}.json').write_text(json.dumps({'images': [{'id': 1}, {'id': 2}]}))
    (folder / 'manifest.json').write_text(json.dumps({'digest': 'd' * 64, 'splits': {}}))
    return data.publish(folder, run.uri.rpartition('/')[0])[0]


@pytest.fixture
def stage(run, tmp_path, monkeypatch):
    """``stage(program, '--flag', 'value')``: its exit code and what it reported to KFP."""
    monkeypatch.setenv('PIFPAF_WORK_DIR', str(tmp_path / 'work'))
    names = (
        'metrics',
        'best_checkpoint',
        'last_checkpoint',
        'report',
        'report_summary',
        'testdev_zip',
        'predictions',
        'gallery',
        'dataset',
    )
    place = tmp_path / 'kfp'
    outputs = {
        'artifacts': {name: {'artifacts': [{'name': name, 'uri': f'{place}/{name}'}]} for name in names},
        'parameters': {name: {'outputFile': f'{place}/{name}'} for name in ('best_checkpoint_uri', 'dataset_uri')},
        'outputFile': f'{place}/report.json',
    }

    def call(program, *arguments):
        common = ['--run-root', run.uri.rpartition('/')[0], '--run-id', 'r1']
        code = program.main([*common, '--executor-input', json.dumps({'outputs': outputs}), *arguments])
        path = place / 'report.json'
        report = json.loads(path.read_text()) if path.exists() else {}
        found = {name: output['artifacts'][0] for name, output in report.get('artifacts', {}).items()}
        return code, found | report.get('parameterValues', {})

    return call


@pytest.fixture
def trained(run, tmp_path):
    """A training that has ended, with three checkpoints and a log."""
    for epoch in (0, 5, 10, 15):
        weights = tmp_path / f'w{epoch}'
        weights.write_text(f'weights {epoch}')
        run.commit_checkpoint(epoch, weights)
    run.store.write('report/train.log', b'{"type": "train", "epoch": 0, "batch": 0, "n_batches": 1, "lr": 3.0}\n')
    run.end(SUCCEEDED)
    return run


class TestWatchEvaluate:
    @pytest.fixture
    def watched(self, stage, commands, dataset, trained):
        return stage(watch_evaluate, '--dataset-uri', dataset, '--eval-options', '{"seed-threshold": 0.2}')

    def test_the_best_checkpoint_is_reported_by_reference(self, watched, trained):
        code, reported = watched
        uri = f'{trained.uri}/checkpoints/e0010/weights.safetensors'
        assert code == 0
        assert reported['best_checkpoint_uri'] == reported['best_checkpoint']['uri'] == uri
        assert reported['metrics']['metadata'] == {'epoch': 10, 'AP': 0.6, 'AP50': 0.9, 'AR': 0.7}

    def test_report_and_summary_are_files_that_browsers_know(self, watched):
        _, reported = watched
        assert Path(reported['report']['uri']).suffix == '.html'
        assert '0.600</td>' in Path(reported['report']['uri']).read_text()
        assert '| 10 | 0.600 |' in Path(reported['report_summary']['uri']).read_text()

    def test_the_command_gets_data_options_and_weights(self, watched, commands, dataset):
        evaluations = [call for call in commands.calls if call[0] == 'pifpaf_core.eval']
        assert len(evaluations) == 3, 'epoch 0 is left out'
        name, flags, options, _ = evaluations[0]
        assert name == 'pifpaf_core.eval'
        assert flags['cocokp-val-annotations'] == f'{dataset}/annotations/person_keypoints_val2017.json'
        assert options == {'seed-threshold': 0.2}

    def test_an_option_of_the_user_wins_over_the_data_sets_own(self, stage, commands, dataset, trained):
        extra = '{"cocokp-val-annotations": "mine.json"}'
        stage(watch_evaluate, '--dataset-uri', dataset, '--eval-options', extra)
        assert 'cocokp-val-annotations' not in commands.calls[0][1]

    def test_curves_and_report_are_in_the_trainings_mlflow_run(
        self, stage, commands, dataset, trained, mlflow_database, tmp_path
    ):
        tracker = TrackedRun(trained, tmp_path / 'absent.log').tracker()
        tracker.status('FINISHED')
        stage(watch_evaluate, '--dataset-uri', dataset)
        found = mlflow_database.get_run(tracker.run_id)
        curve = mlflow_database.get_metric_history(tracker.run_id, 'val/AP')
        assert [(metric.step, metric.value) for metric in curve] == [(5, 0.2), (10, 0.6), (15, 0.4)]
        assert (found.data.metrics['best/AP'], found.data.metrics['best/epoch']) == (0.6, 10.0)
        assert found.info.status == 'FINISHED'
        assert found.data.tags['mlflow.note.content'].startswith('# r1')
        files = {file.path for file in mlflow_database.list_artifacts(tracker.run_id, 'report')}
        assert {'report/ap.png', 'report/learning-rate.png', 'report/report.html', 'report/summary.md'} <= files
        assert mlflow_database.get_model_version_by_alias('test', 'best').run_id == tracker.run_id

    def test_no_epoch_that_matches_is_an_error_that_lists_them(self, stage, commands, dataset, trained, capsys):
        code, _ = stage(watch_evaluate, '--dataset-uri', dataset, '--eval-epochs', '*7')
        assert code == 1
        assert "no committed epoch matches '*7'. Committed: [0, 5, 10, 15]" in capsys.readouterr().err

    def test_a_training_that_failed_fails_the_stage(self, stage, commands, dataset, run, capsys):
        run.end(FAILED, message='out of memory')
        assert stage(watch_evaluate, '--dataset-uri', dataset)[0] == 1
        assert 'training failed: out of memory' in capsys.readouterr().err

    def test_a_data_set_that_is_not_there(self, stage, commands, trained, tmp_path, capsys):
        assert stage(watch_evaluate, '--dataset-uri', str(tmp_path / 'none'))[0] == 1
        assert 'holds no prepared data set. Run components.prepare_dataset first' in capsys.readouterr().err


class TestTestdevSubmitZip:
    @pytest.fixture
    def submit(self, stage, commands, dataset, trained):
        def call(*arguments):
            uri = trained.checkpoint_uri(10)
            return stage(testdev, '--dataset-uri', dataset, '--checkpoint-uri', uri, *arguments)

        return call

    def test_the_artifact_is_one_file_with_an_extension(self, submit, trained):
        code, reported = submit()
        assert code == 0
        path = Path(reported['testdev_zip']['uri'])
        assert path.suffix == '.zip'
        assert zipfile.ZipFile(path).namelist() == ['predictions.json']
        assert reported['testdev_zip']['metadata']['predictions'] == 1
        assert trained.store.read('submission/r1-cocokp.zip') == path.read_bytes()

    def test_the_validation_set_unless_a_list_is_given(self, submit, commands, dataset):
        submit()
        submit('--test-annotations', 'annotations/image_info_test-dev2017.json')
        validation, test = (flags for _, flags, _, _ in commands.calls)
        assert validation['cocokp-eval-annotations'] == f'{dataset}/annotations/person_keypoints_val2017.json'
        assert test['cocokp-eval-annotations'] == f'{dataset}/annotations/image_info_test-dev2017.json'
        assert test['cocokp-eval-image-dir'] == f'{dataset}/images/test2017'
        assert 'coco-no-eval-annotation-filter' in test

    def test_what_the_server_would_refuse_is_not_published(self, submit, commands, trained, capsys):
        commands.pose = POSE | {'image_id': 99}
        code, reported = submit()
        assert code == 1
        assert reported == {}
        assert 'would be refused' in capsys.readouterr().err
        assert list(trained.store.list('submission/')) == []

    def test_other_data_modules_have_no_such_server(self, submit, capsys):
        assert submit('--dataset', 'wholebody')[0] == 1
        assert 'are in no format' in capsys.readouterr().err


class TestPredict:
    @pytest.fixture
    def predicted(self, stage, commands, dataset, trained):
        def call(*arguments):
            uri = trained.checkpoint_uri(10)
            return stage(predict, '--dataset-uri', dataset, '--checkpoint-uri', uri, *arguments)

        return call

    def test_predictions_pictures_and_gallery(self, predicted, trained):
        code, reported = predicted()
        assert code == 0
        names = zipfile.ZipFile(reported['predictions']['uri']).namelist()
        assert names == sorted(f'{n}.jpg.predictions.{kind}' for n in range(3) for kind in ('jpeg', 'json'))
        assert '2.jpg: 2 poses' in Path(reported['gallery']['uri']).read_text()
        assert len(list(trained.store.list('predictions/'))) == 6

    def test_so_many_images_at_most(self, predicted, commands):
        predicted('--n-images', '2')
        assert [Path(image).name for image in commands.calls[0][3]] == ['0.jpg', '1.jpg']

    @pytest.mark.parametrize(('images', 'names'), [('folder', ['a.png', 'b.JPG']), ('folder/a.png', ['a.png'])])
    def test_own_images(self, predicted, commands, root, images, names):
        store = open_store(root)
        for name in ('folder/a.png', 'folder/b.JPG', 'folder/notes.txt'):
            store.write(name, b'x')
        predicted('--predict-images', f'{root}/{images}')
        assert [Path(image).name for image in commands.calls[0][3]] == names

    def test_two_images_of_one_name(self, predicted, root, capsys):
        for name in ('folder/a/1.jpg', 'folder/b/1.jpg'):
            open_store(root).write(name, b'x')
        assert predicted('--predict-images', f'{root}/folder')[0] == 1
        assert "two images of one name, 'a/1.jpg' and 'b/1.jpg'. Rename one" in capsys.readouterr().err

    def test_no_images(self, predicted, tmp_path, capsys):
        assert predicted('--predict-images', str(tmp_path / 'empty'))[0] == 1
        assert 'holds no images. Give an image or a folder of images' in capsys.readouterr().err

    def test_of_the_options_of_eval_it_takes_those_that_predict_has(self, predicted, commands):
        predicted(
            '--eval-options', '{"long-edge": 257, "force-complete-pose": true, "coco-no-eval-annotation-filter": true}'
        )
        assert commands.calls[0][2] == {'long-edge': 257, 'force-complete-pose': True}


class TestTrain:
    @pytest.fixture
    def supervised(self, monkeypatch, run, tmp_path):
        """What the supervisor was asked for, in place of a training."""
        found = []

        def supervise(training):
            found.append(training)
            (tmp_path / 'w').write_text('weights')
            run.commit_checkpoint(7, tmp_path / 'w')
            return 0, Summary(epochs=7, last_loss=1.5)

        monkeypatch.setattr(train, 'supervise', supervise)
        return found

    def test_the_last_checkpoint_and_the_figures_are_reported(self, stage, supervised, dataset, run):
        code, reported = stage(train, '--dataset-uri', dataset)
        assert code == 0
        assert reported['last_checkpoint']['uri'] == f'{run.uri}/checkpoints/e0007/weights.safetensors'
        assert reported['metrics']['metadata'] == {'epochs': 7, 'last_loss': 1.5, 'train_seconds': 0.0}

    def test_the_command_line(self, stage, supervised, dataset):
        options = '{"adam": true, "cocokp-val-annotations": "mine.json"}'
        stage(train, '--dataset-uri', dataset, '--gpus', '2', '--epochs', '3', '--train-options', options)
        argv = supervised[0].argv
        assert argv[1:6] == ['-m', 'components.train.torchrun', '--standalone', '--nproc-per-node=2', '-m']
        assert {'--ddp', '--epochs=3', '--basenet=shufflenetv2k16', f'--output={supervised[0].output}'} <= set(argv)
        assert f'--cocokp-train-annotations={dataset}/annotations/person_keypoints_train2017.json' in argv
        assert not any(flag.startswith('--cocokp-val-annotations') for flag in argv)
        assert argv[-2:] == ['--options', options]

    def test_the_library_understands_it(self, stage, supervised, dataset, capsys):
        from pifpaf_core import train as library

        stage(train, '--dataset-uri', dataset, '--train-options', '{"adam": true}')
        argv = supervised[0].argv
        assert library.main([*argv[argv.index('pifpaf_core.train') + 1 :], '--dry-run']) == 0
        assert json.loads(capsys.readouterr().out)['batch-size'] == 32

    def test_weights_to_start_from_are_brought_and_take_the_backbones_place(self, stage, supervised, dataset, s3):
        open_store(s3).write('old.safetensors', b'weights')
        stage(train, '--dataset-uri', dataset, '--checkpoint', f'{s3}/old.safetensors')
        stage(train, '--dataset-uri', dataset, '--checkpoint', 'shufflenetv2k30')
        first, second = (
            [flag for flag in training.argv if flag.startswith(('--checkpoint', '--basenet'))]
            for training in supervised
        )
        assert len(first) == len(second) == 1
        assert Path(first[0].partition('=')[2]).read_bytes() == b'weights'
        assert second == ['--checkpoint=shufflenetv2k30']

    def test_the_record_says_what_runs(self, stage, supervised, dataset, run):
        stage(train, '--dataset-uri', dataset, '--kfp-run', 'abc')
        record = run.record()
        assert record['tags']['kfp.run_id'] == record['kfp_run'] == 'abc'
        assert record['tags']['dataset.digest'] == 'd' * 64
        assert record['code']['version']
        assert record['attempt'] == 1

    def test_a_folder_of_another_pipeline_run_is_refused(self, stage, supervised, dataset, capsys):
        assert stage(train, '--dataset-uri', dataset, '--kfp-run', 'abc')[0] == 0
        assert stage(train, '--dataset-uri', dataset, '--kfp-run', 'abc')[0] == 0, 'a retry'
        assert stage(train, '--dataset-uri', dataset)[0] == 0, 'by hand'
        assert stage(train, '--dataset-uri', dataset, '--kfp-run', 'xyz')[0] == 1
        assert 'belongs to another pipeline run, abc' in capsys.readouterr().err


class TestPrepareDataset:
    def test_a_folder_becomes_a_data_set_in_the_store(self, stage, repository, run):
        source = str(repository / 'examples' / 'coco-eight')
        code, reported = stage(prepare_dataset, '--source', source, '--prepare-options', '{"val-is-train": true}')
        assert code == 0
        assert reported['dataset_uri'] == reported['dataset']['uri']
        assert reported['dataset']['metadata']['train_people'] == 12
        assert reported['dataset']['metadata']['version'] == '1'
        assert data.manifest(reported['dataset_uri'])['val_is_train']

    def test_a_prefix_of_a_bucket_becomes_a_data_set_in_the_store(self, stage, repository, run, s3):
        folder = repository / 'examples' / 'coco-eight'
        for path in folder.rglob('*'):
            if path.is_file():
                open_store(f'{s3}/source').put(path, path.relative_to(folder).as_posix())
        code, reported = stage(
            prepare_dataset, '--source', f'{s3}/source/', '--prepare-options', '{"val-is-train": true}'
        )
        assert code == 0
        assert reported['dataset']['metadata']['train_people'] == 12

    def test_a_prefix_that_holds_nothing(self, stage, run, s3, capsys):
        assert stage(prepare_dataset, '--source', f'{s3}/nothing/')[0] == 1
        assert f'{s3}/nothing/ holds nothing. Check the URI' in capsys.readouterr().err

    @pytest.mark.parametrize(('source', 'code'), [('nowhere', 1), ('examples/coco-eight', 1)])
    def test_a_failure_is_the_commands(self, stage, repository, source, code, capfd):
        found, reported = stage(prepare_dataset, '--source', str(repository / source))
        assert found == code
        assert reported == {}
        assert 'pifpaf prepare: ' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('program', 'flags'),
    [
        (train, ('epochs', 'lr', 'batch-size', 'square-edge', 'poll', 'heartbeat-interval')),
        (watch_evaluate, ('poll', 'lost-after', 'claim-expires')),
        (predict, ('n-images',)),
    ],
)
@pytest.mark.parametrize('value', [0, -1])
def test_numbers_that_make_no_sense_are_usage_errors(stage, capsys, program, flags, value):
    for flag in flags:
        given = ['--dataset-uri=x', f'--{flag}={value}', *(['--checkpoint-uri=x'] if program is predict else [])]
        assert stage(program, *given)[0] == 2
        assert re.search(rf'--{flag} {value}(\.0)? is too little', capsys.readouterr().err)


def test_training_without_gpus_is_possible_and_with_fewer_is_not(stage, capsys):
    assert stage(train, '--dataset-uri=x', '--gpus=-1')[0] == 2
    assert '--gpus -1 is too little' in capsys.readouterr().err
    assert stage(train, '--dataset-uri=x', '--gpus=0', '--dry-run')[0] == 0
