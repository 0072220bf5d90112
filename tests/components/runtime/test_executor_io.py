import json

import pytest

from components.runtime.executor_io import ExecutorIO


def executor_input(folder, *, scheme=''):
    def artifact(name):
        return {'artifacts': [{'name': name, 'uri': f'{scheme}{folder}/{name}', 'type': {'schemaTitle': 'x'}}]}

    outputs = {
        'artifacts': {name: artifact(name) for name in ('metrics', 'archive', 'best')},
        'parameters': {'uri': {'outputFile': f'{folder}/uri'}, 'count': {'outputFile': f'{folder}/count'}},
        'outputFile': f'{folder}/deep/executor_output.json',
    }
    return json.dumps({'inputs': {}, 'outputs': outputs})


def test_outputs_are_reported_with_metadata_uris_and_parameters(tmp_path):
    executor = ExecutorIO(executor_input(tmp_path))
    executor.metadata('metrics', AP=0.5, epoch=3, loss=float('nan'))
    executor.write('archive', b'zip', suffix='.zip')
    executor.reference('best', 's3://bucket/best')
    executor.parameter('uri', 's3://bucket/data')
    executor.parameter('count', 3)
    executor.finish()
    report = json.loads((tmp_path / 'deep/executor_output.json').read_text())
    artifacts = {name: output['artifacts'][0] for name, output in report['artifacts'].items()}
    assert artifacts['metrics']['metadata'] == {'AP': 0.5, 'epoch': 3}
    assert artifacts['best']['uri'] == 's3://bucket/best'
    assert artifacts['archive'] == {'name': 'archive', 'uri': f'{tmp_path}/archive.zip'}
    assert (tmp_path / 'archive.zip').read_bytes() == b'zip'
    assert report['parameterValues'] == {'uri': 's3://bucket/data', 'count': 3}
    assert (tmp_path / 'uri').read_text() == 's3://bucket/data'
    assert (tmp_path / 'count').read_text() == '3'


@pytest.mark.parametrize(('scheme', 'mount'), [('s3://', '/s3'), ('minio://', '/minio'), ('gs://', '/gcs')])
def test_paths_are_where_the_launcher_mounts_the_uri(scheme, mount, monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr('pathlib.Path.mkdir', lambda self, **_: made.append(str(self)))
    path = ExecutorIO(executor_input('bucket/key', scheme=scheme)).path('archive', suffix='.zip')
    assert str(path) == f'{mount}/bucket/key/archive.zip'
    assert made == [f'{mount}/bucket/key']


def test_an_output_that_the_component_does_not_have_is_a_mistake_of_ours(tmp_path):
    executor = ExecutorIO(executor_input(tmp_path))
    with pytest.raises(AssertionError, match='has no output metrix'):
        executor.metadata('metrix', AP=0.5)


def test_without_kfp_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    executor = ExecutorIO()
    executor.metadata('metrics', AP=0.5)
    executor.write('report', 'text')
    executor.reference('best', 'there')
    executor.parameter('uri', 'x')
    executor.finish()
    assert not executor.is_present
    assert executor.path('report') is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'text',
    [
        '{{$}}',
        '[1]',
        '{"outputs": ',
        '{"outputs": []}',
        '{"outputs": {"artifacts": {"a": 1}, "outputFile": "/x"}}',
        '{"outputs": {"artifacts": {"a": {"artifacts": []}}}}',
        '{"outputs": {"artifacts": {"a": {"artifacts": [{"name": "a"}]}}}}',
        '{"outputs": {"artifacts": {"a": {"artifacts": [{"uri": "/a", "customPath": 1}]}}}}',
        '{"outputs": {"artifacts": {"a": {"artifacts": [{"uri": "/a", "metadata": []}]}}}}',
        '{"outputs": {"parameters": {"a": {}}}}',
        '{"outputs": {"outputFile": 1}}',
    ],
)
def test_what_is_no_executor_input_is_refused(text):
    with pytest.raises(ValueError, match='--executor-input is no executor input'):
        ExecutorIO(text)
