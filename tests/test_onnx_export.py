"""The exported network computes what torch computes, and poses are found with it where there is no torch."""

import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from pifpaf_core import checkpoint, export, network, onnx_export
from pifpaf_core.exported import IMAGES, Exported
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.predictor import Predictor
from pifpaf_core.skeletons.cocokp import COCO_PERSON

onnxruntime = pytest.importorskip('onnxruntime')

WITHOUT_TORCH = """
import runpy, sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('torch', 'torchvision'):
            raise ModuleNotFoundError(f'there is no {name} here')
sys.meta_path.insert(0, NoTorch())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint with three heads that is confident everywhere, so that much is found."""
    path = tmp_path_factory.mktemp('export') / 'tiny-cocokp.epoch003.safetensors'
    torch.manual_seed(3)
    metas = [
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON),
        CifDet(name='cifdet', dataset='cocodet', categories=('person', 'dog')),
    ]
    net = network.create('tiny', metas)
    for head in net.heads:
        layout, u = head.meta.prediction, head.meta.upsample
        head.conv.weight.data *= 10.0 if isinstance(head.meta, CifDet) else 0.5  # poses need ends that meet
        bias = head.conv.bias.data.view(head.meta.n_fields, layout.n_components, u * u)
        bias[:] = 0.0
        bias[:, layout.confidence] = 1.0
        for scale in layout.scales:
            bias[:, scale] = 6.0
        for i, is_offset in enumerate(layout.offset_vectors):
            if not is_offset:
                bias[:, layout.vector(i)] = 20.0  # width and height of boxes, in cells
    checkpoint.save(path, net, epoch=3, basenet='tiny', training={'resample': 'area'})
    return path


@pytest.fixture(scope='module')
def model(trained):
    path = trained.with_name('model.onnx')
    assert export.main(['onnx', str(trained), '--output', str(path)]) == 0
    return path


@pytest.fixture(scope='module')
def session(model):
    return onnxruntime.InferenceSession(str(model), providers=['CPUExecutionProvider'])


def test_it_says_what_it_is(session, trained):
    exported = Exported.from_metadata(session.get_modelmeta().custom_metadata_map)
    assert (exported.basenet, exported.epoch, exported.resample) == ('tiny', 3, 'area')
    assert exported.metas == tuple(checkpoint.load(trained).network.metas)
    assert tuple(output.name for output in session.get_outputs()) == exported.outputs
    assert exported.outputs == ('cocokp_cif', 'cocokp_caf', 'cocodet_cifdet')
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape[1]) == (IMAGES, 'tensor(uint8)', 3)


def test_the_opset(model):
    onnx = pytest.importorskip('onnx')
    versions = {opset.domain: opset.version for opset in onnx.load(model, load_external_data=False).opset_import}
    assert versions[''] == onnx_export.OPSET


@pytest.mark.parametrize('size', [(1, 17, 33), (3, 97, 49), (2, 161, 225)])
def test_it_computes_what_torch_computes(session, trained, size):
    net = checkpoint.load(trained).network
    images = torch.randint(0, 256, (size[0], 3, *size[1:]), dtype=torch.uint8)
    with torch.inference_mode():
        expected = net.predict(net.normalize(images))
    for ours, theirs in zip(expected, session.run(None, {IMAGES: images.numpy()}), strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), rtol=1e-3, atol=1e-3)


def test_nothing_else_is_written(model):
    assert sorted(path.suffix for path in model.parent.iterdir()) == ['.onnx', '.safetensors']


def test_a_file_that_computes_something_else_is_not_kept(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(onnx_export, '_images', lambda *size: torch.zeros(size[0], 3, *size[1:], dtype=torch.uint8))
    monkeypatch.setattr(onnx_export, '_TOLERANCE', -1.0)
    assert export.main(['onnx', str(trained), '-o', str(tmp_path / 'x.onnx')]) == 1
    assert 'differs from torch in cocokp_cif at 65x97 pixels' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_the_libraries(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    assert export.main(['onnx', str(trained), '-o', str(tmp_path / 'x.onnx')]) == 1
    assert capsys.readouterr().err.endswith("exporting needs onnxscript. Run pip install 'pifpaf-core[export]'\n")


@pytest.mark.parametrize(
    ('source', 'name'),
    [('a/b.epoch005.safetensors', 'b.epoch005.onnx'), ('shufflenetv2k16', 'shufflenetv2k16.onnx'),
     ('s3://bucket/x/weights.safetensors', 'weights.onnx'), ('a.pkl.epoch250', 'a.epoch250.onnx')],
)  # fmt: skip
def test_name_of_the_output(source, name):
    assert export.output_name(source) == name


def test_poses_and_boxes_without_torch(model, trained, repository, tmp_path):
    photo = tmp_path / 'photo.png'
    cv2.imwrite(str(photo), np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8))
    (expected,) = Predictor(checkpoint.load(trained)).predict_files([photo])
    command = [sys.executable, '-c', WITHOUT_TORCH, str(repository / 'examples/onnx_poses.py'), str(model), str(photo)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found['image'] == str(photo)
    assert {'keypoints', 'category'} <= {key for record in found['predictions'] for key in record}
    assert len(found['predictions']) == len(expected.annotations)
    for ours, theirs in zip(expected.annotations, found['predictions'], strict=True):
        assert ours.to_coco()['bbox'] == pytest.approx(theirs['bbox'], abs=0.1)
        assert ours.to_coco()['score'] == pytest.approx(theirs['score'], abs=0.002)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_poses_and_boxes_in_an_environment_that_has_no_torch(model, trained, repository, tmp_path):
    """As docs/export.md says: pip into a fresh environment, our wheel without its dependencies, the example."""
    run = {'check': True, 'cwd': tmp_path, 'timeout': 900, 'capture_output': True, 'text': True}
    environment = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'PIFPAF_VERSION')}
    subprocess.run(['git', 'clone', '--quiet', str(repository), 'clone'], **run)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', str(tmp_path), './clone'], **run
    )
    (wheel,) = tmp_path.glob('*.whl')
    subprocess.run([sys.executable, '-m', 'venv', 'env'], **run)
    python = str(tmp_path / 'env/bin/python')
    pip = [python, '-m', 'pip', 'install', '--quiet', '--constraint', str(repository / 'constraints.txt')]
    page = (repository / 'docs/export.md').read_text()
    (packages,) = re.findall(r'^pip install (numpy .*)$', page, re.MULTILINE)
    subprocess.run([*pip, *packages.split()], **run)
    subprocess.run([*pip, '--no-deps', str(wheel)], **run)
    absent = subprocess.run([python, '-c', 'import torch'], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "No module named 'torch'" in absent.stderr
    pixels = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)  # this network finds poses in it
    cv2.imwrite(str(tmp_path / 'photo.png'), pixels)
    (expected,) = Predictor(checkpoint.load(trained)).predict_files([tmp_path / 'photo.png'])
    program = [python, str(tmp_path / 'clone/examples/onnx_poses.py'), str(model), 'photo.png']
    found = json.loads(subprocess.run(program, env=environment, **run).stdout)['predictions']
    assert {'keypoints', 'category'} <= {key for record in found for key in record}
    assert [record['score'] for record in found] == pytest.approx(
        [annotation.to_coco()['score'] for annotation in expected.annotations], abs=0.002
    )
