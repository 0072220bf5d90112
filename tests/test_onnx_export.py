"""The exported network computes what torch computes, and poses are found with it where there is no torch."""

import sys

import numpy as np
import pytest
import torch

from pifpaf_core import checkpoint, export, network, onnx_export
from pifpaf_core.exported import IMAGES, Exported
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON

onnxruntime = pytest.importorskip('onnxruntime')


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
        head.conv.weight.data *= 10.0
        head.conv.bias.data[:] = 1.0
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
