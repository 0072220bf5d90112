"""The model in MLflow's registry finds what the library finds, and says what is wrong with what it cannot use."""

import base64
import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib

import PIL.Image
import pytest
import torch

from components.runtime import servable
from components.runtime.registry import Best, register_best
from components.runtime.tracking import Tracker
from pifpaf_core import checkpoint, network
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.predictor import Predictor
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms import Preprocess

OPTIONS = {'long-edge': 129, 'seed-threshold': 0.1, 'batch-size': 4, 'decoder': ['cifcaf'], 'force-complete-pose': True}


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """A checkpoint that is confident in some places, so that poses are found."""
    torch.manual_seed(3)
    metas = [
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON),
    ]
    net = network.create('tiny', metas)
    for head in net.heads:
        layout, u = head.meta.prediction, head.meta.upsample
        bias = head.conv.bias.data.view(head.meta.n_fields, layout.n_components, u * u)
        bias[:] = 0.0
        bias[:, layout.confidence] = 1.0
        for scale in layout.scales:
            bias[:, scale] = 6.0
    path = tmp_path_factory.mktemp('servable') / 'weights.safetensors'
    checkpoint.save(path, net, epoch=5, basenet='tiny')
    return path


@pytest.fixture(scope='module')
def folder(weights, tmp_path_factory):
    """The saved model."""
    path = tmp_path_factory.mktemp('model') / 'model'
    servable.save(path, weights, eval_options=OPTIONS)
    return path


@pytest.fixture(scope='module')
def model(folder):
    """The model as a server has it."""
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(folder))


@pytest.fixture(scope='module')
def photograph(repository):
    """The content of a JPEG."""
    return (repository / 'examples/coco-eight/images/val2017/000000000785.jpg').read_bytes()


@pytest.fixture(scope='module')
def expected(weights, repository):
    """What the library finds in it."""
    predictor = Predictor(
        checkpoint.load(weights),
        decoder_options=DecoderOptions(decoder=('cifcaf',), seed_threshold=0.1, force_complete_pose=True),
        preprocess=Preprocess(129),
    )
    (found,) = predictor.predict_files([repository / 'examples/coco-eight/images/val2017/000000000785.jpg'])
    assert found.annotations
    return [annotation.to_coco() for annotation in found.annotations]


def rows(*contents):
    import pandas as pd

    return pd.DataFrame({'image': [c if isinstance(c, str) else base64.b64encode(c).decode() for c in contents]})


def test_it_finds_what_the_library_finds(model, photograph, expected):
    once, again = model.predict(rows(photograph, photograph))
    assert once == again == {'annotations': expected}


def test_what_is_in_it(folder, weights):
    from mlflow.models import Model

    files = {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}
    assert not [name for name in files if name.endswith(('.pkl', '.pickle', '.pt', '.bin'))]
    assert (folder / 'artifacts/weights.safetensors').read_bytes() == weights.read_bytes()
    saved = Model.load(folder)
    assert [column.name for column in saved.signature.inputs] == ['image']
    assert [column.name for column in saved.signature.outputs] == ['annotations']
    needed = (folder / 'requirements.txt').read_text().splitlines()
    assert {line.partition('=')[0] for line in needed} >= {'pifpaf-core', 'mlflow-skinny', 'pandas', 'pillow'}


def test_its_own_example_is_answered(model, folder):
    example = json.loads((folder / 'serving_input_example.json').read_text())['dataframe_split']
    assert example['columns'] == ['image']
    assert set(model.predict(rows(*example['data'][0]))[0]) == {'annotations'}


def large_picture():
    """A PNG of a hundred bytes that says that it has 400 million pixels."""
    head = (20_000).to_bytes(4, 'big') * 2 + bytes([8, 0, 0, 0, 0])
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b'')


def chunk(kind, data):
    return len(data).to_bytes(4, 'big') + kind + data + zlib.crc32(kind + data).to_bytes(4, 'big')


def gif():
    file = io.BytesIO()
    PIL.Image.new('RGB', (9, 9)).save(file, 'GIF')
    return file.getvalue()


BAD = {
    'not base64': ('*** no base64 ***', 'is not base64. Send what'),
    'data address': ('data:image/jpeg;base64,AAAA', 'is not base64. Send what'),
    'no image': (b'a text', 'is no image. Send one of JPEG'),
    'empty': (b'', 'is no image'),
    'another format': (gif(), 'is no image. Send one of JPEG'),
    'too many pixels': (large_picture(), 'has more than 50000000 pixels. Scale it down'),
    'too many bytes': ('A' * (45 * 2**20), 'has more than 33554432 bytes. Send a smaller file'),
}


@pytest.mark.parametrize('kind', [*BAD, 'truncated'])
def test_bad_input_is_refused_with_the_remedy(model, photograph, kind):
    from mlflow.exceptions import MlflowException

    content, problem = {**BAD, 'truncated': (photograph[:9000], "image 'number 1' is empty or truncated")}[kind]
    with pytest.raises(MlflowException, match=r"^image 'number 1' ") as error:
        model.predict(rows(photograph, content))
    assert problem in error.value.message
    assert error.value.get_http_status_code() == 400
    assert len(error.value.message) < 300 and '\n' not in error.value.message


def test_a_column_that_is_missing(model):
    import pandas as pd
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match='Model is missing inputs'):
        model.predict(pd.DataFrame({'picture': ['']}))


def test_options_that_are_not_about_poses_are_left_out():
    config = servable.config({'eval-n-images': 3, 'cocokp-eval-long-edge': 5, 'padding': 'square'})
    assert (config['inputs']['padding'], config['inputs']['long_edge']) == ('square', servable.LONG_EDGE)
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(servable.config({'eval-padding': 'square'})))


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_server_answers_a_photograph_with_poses(mlflow_database, weights, photograph, expected, tmp_path, repository):
    """As docs/serving.md says it: the registered model by its alias, on loopback."""
    best = Best(uri='store', weights=weights, epoch=5, ap=0.5, dataset='d', eval_options=OPTIONS)
    assert register_best(Tracker.start(experiment='served', name='a', tags={}), model='served', best=best)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, '-m', 'mlflow', 'models', 'serve', '--model-uri', 'models:/served@best']
    argv += ['--env-manager', 'local', '--host', '127.0.0.1', '--port', str(port)]
    path = f'{os.path.dirname(sys.executable)}{os.pathsep}{os.environ["PATH"]}'
    with (tmp_path / 'log').open('wb') as log:
        server = subprocess.Popen(
            argv, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True, env={**os.environ, 'PATH': path}
        )
    address = f'http://127.0.0.1:{port}'
    try:
        end = time.monotonic() + 500
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f'{address}/ping', timeout=5).close()
                break
            assert server.poll() is None and time.monotonic() < end, (tmp_path / 'log').read_text()
            time.sleep(0.5)
        (tmp_path / 'photograph.jpg').write_bytes(photograph)
        page = (repository / 'docs/serving.md').read_text()
        program = next(text for text in re.findall(r'```python\n(.*?)```', page, re.DOTALL) if 'invocations' in text)
        done = subprocess.run(
            [sys.executable, '-c', program.replace('http://127.0.0.1:5001', address)],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.stdout.splitlines() == [f'{pose["score"]} {pose["bbox"]}' for pose in expected], done.stderr
        for content, problem in BAD.values():
            text = content if isinstance(content, str) else base64.b64encode(content).decode()
            status, answer = asked(address, text)
            assert status == 400 and problem in answer['message'] and 'Traceback' not in json.dumps(answer)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def asked(address, text):
    body = json.dumps({'dataframe_records': [{'image': text}]}).encode()
    request = urllib.request.Request(f'{address}/invocations', body, {'Content-Type': 'application/json'})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
