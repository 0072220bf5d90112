import json

import pytest
import safetensors
import safetensors.torch
import torch

from pifpaf_core import checkpoint
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.network import NetworkOptions, create
from pifpaf_core.skeletons.cocokp import COCO_PERSON

METAS = [
    Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2),
    Caf(name='caf25', dataset='cocokp', skeleton=COCO_PERSON, upsample=2, dense=True),
    CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle')),
]


@pytest.fixture
def network():
    return create('tiny', METAS)


@pytest.fixture
def path(network, tmp_path):
    path = tmp_path / 'folder' / 'tiny.epoch003.safetensors'
    checkpoint.save(path, network, epoch=3, basenet='tiny', training={'lr': 0.1, 'resample': 'area'})
    return path


def test_round_trip(network, path):
    loaded = checkpoint.load(path)
    assert (loaded.basenet, loaded.epoch) == ('tiny', 3)
    assert loaded.network.metas == network.metas
    assert not loaded.network.training
    assert loaded.metadata['training'] == {'lr': 0.1, 'resample': 'area'}
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name


def test_the_file_is_plain_safetensors_with_one_json_string(path):
    with safetensors.safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    assert list(metadata) == ['pifpaf']
    content = json.loads(metadata['pifpaf'])
    assert set(content) == {'format', 'basenet', 'backbone_options', 'metas', 'epoch', 'version', 'training'}
    assert content['format'] == 1


def test_linear_resampling_is_recorded_unless_told_otherwise(network, tmp_path):
    checkpoint.save(tmp_path / 'x.safetensors', network, epoch=0, basenet='tiny')
    assert checkpoint.load(tmp_path / 'x.safetensors').metadata['training'] == {'resample': 'linear'}


def test_options_of_the_backbone_travel_with_it(tmp_path):
    options = {'resnet': {'pretrain': True, 'pool0_stride': 2}}
    network = create('resnet18', METAS[:1], backbone_options=options, pretrain=False)
    checkpoint.save(tmp_path / 'x.safetensors', network, epoch=0, basenet='resnet18', backbone_options=options)
    loaded = checkpoint.load(tmp_path / 'x.safetensors')  # and downloads nothing
    assert loaded.network.stride == 32
    assert loaded.backbone_options['resnet']['pool0_stride'] == 2


def test_given_weights_are_saved_in_place_of_the_networks_also_if_shared_or_strided(network, tmp_path):
    averaged = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    bias = averaged['head_nets.0.conv.bias']
    averaged['head_nets.0.conv.bias'] = torch.ones(2 * len(bias))[::2]
    averaged['base_net.wide.1.1.bias'] = averaged['base_net.wide.0.1.bias']
    checkpoint.save(tmp_path / 'x.safetensors', network, epoch=0, basenet='tiny', state_dict=averaged)
    loaded = checkpoint.load(tmp_path / 'x.safetensors').network
    assert loaded.heads[0].conv.bias.eq(1).all()
    assert loaded.heads[0].conv.weight.eq(0).all()


def test_half_precision_weights_are_read_as_float32(path, tmp_path):
    with safetensors.safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    half = {name: t.half() if t.is_floating_point() else t for name, t in safetensors.torch.load_file(path).items()}
    safetensors.torch.save_file(half, tmp_path / 'half.safetensors', metadata=metadata)
    assert {p.dtype for p in checkpoint.load(tmp_path / 'half.safetensors').network.parameters()} == {torch.float32}


class TestBadFiles:
    def _message(self, path):
        with pytest.raises(ValueError) as caught:
            checkpoint.load(path)
        assert '\n' not in str(caught.value)
        return str(caught.value)

    def test_missing(self, tmp_path):
        assert self._message(tmp_path / 'x.safetensors').startswith(
            f'there is no checkpoint {tmp_path}/x.safetensors. '
        )

    def test_truncated(self, path):
        path.write_bytes(path.read_bytes()[:-1000])
        assert 'is cut short' in self._message(path)

    @pytest.mark.parametrize('content', [b'', b'version https://git-lfs.github.com/spec/v1', bytes(500)])
    def test_something_else(self, path, content):
        path.write_bytes(content)
        assert 'is no safetensors file' in self._message(path)

    def test_weights_without_metadata(self, path):
        safetensors.torch.save_file({'weight': torch.zeros(3)}, path)
        assert "no 'pifpaf' metadata. Take a checkpoint that pifpaf train wrote" in self._message(path)

    def _rewrite(self, path, **changes):
        with safetensors.safe_open(path, framework='pt') as file:
            content = json.loads(file.metadata()['pifpaf'])
        content = {k: v for k, v in {**content, **changes}.items() if v is not ...}
        tensors = safetensors.torch.load_file(path)
        safetensors.torch.save_file(tensors, path, metadata={'pifpaf': json.dumps(content)})

    @pytest.mark.parametrize(
        ('changes', 'message'),
        [
            ({'format': 2}, 'it has format 2 and this pifpaf-core reads 1'),
            ({'basenet': 'resnet18'}, 'its weights do not fit a resnet18 with these heads'),
            ({'basenet': 'alexnet'}, "there is no backbone 'alexnet'"),
            ({'metas': ...}, "it lacks 'metas'"),
            ({'epoch': ...}, "it lacks 'epoch'"),
            ({'epoch': None}, 'cannot be used: int() argument must be'),
            ({'epoch': float('inf')}, 'cannot convert float infinity'),
            ({'metas': [{'type': 'Tcaf'}]}, "unknown head type 'Tcaf'"),
            ({'metas': [{**METAS[2].to_dict(), 'upsample': 10**6}]}, 'channels where its meta says'),
        ],
    )
    def test_metadata_that_do_not_fit(self, path, changes, message):
        self._rewrite(path, **changes)
        assert message in self._message(path)


class TestStart:
    def test_a_new_network(self):
        options = NetworkOptions(basenet='tiny', cf4_dropout=0.5)
        start = checkpoint.start(options, METAS)
        assert start.epoch == 0
        assert [meta.name for meta in start.network.metas] == ['cif', 'caf25', 'cifdet']
        assert start.network.heads[0].dropout.p == 0.5
        assert start.backbone_options == {'tiny': {}}

    def test_a_checkpoint_with_the_heads_asked_for(self, path):
        start = checkpoint.start(NetworkOptions(checkpoint=str(path)), METAS[2:])
        assert start.epoch == 3
        assert [meta.name for meta in start.network.metas] == ['cifdet']

    def test_head_consolidation(self, path):
        start = checkpoint.start(NetworkOptions(checkpoint=str(path), head_consolidation='keep'), METAS[2:])
        assert len(start.network.metas) == 3

    def test_neither(self):
        with pytest.raises(ValueError, match=r'no network to train\. Give --basenet'):
            checkpoint.start(NetworkOptions(), METAS)

    def test_both_if_they_agree(self, path):
        assert checkpoint.start(NetworkOptions(checkpoint=str(path), basenet='tiny'), METAS).epoch == 3
        with pytest.raises(ValueError, match=r'is a tiny, --basenet=resnet18 is not\. Remove one'):
            checkpoint.start(NetworkOptions(checkpoint=str(path), basenet='resnet18'), METAS)
