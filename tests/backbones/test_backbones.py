"""Every backbone, whatever its family: names, state, numbers, grid and options."""

import argparse
import hashlib
import json
from pathlib import Path

import pytest
import torch

from benchmarks.parity.weights import fill, probe
from pifpaf_core import backbones
from pifpaf_core.options import to_argv

GOLDEN = json.loads((Path(__file__).parent.parent / 'golden' / 'backbones.json').read_text())
ONE_A_FAMILY = ['shufflenetv2k16', 'resnet18', 'shufflenetv2x1', 'mobilenetv2', 'mobilenetv3small', 'squeezenet']
PRETRAINED_FAMILIES = ['convnext', 'mobilenetv2', 'mobilenetv3', 'resnet', 'shufflenetv2', 'squeezenet']
GRIDS = [
    ('tiny', {}),
    ('shufflenetv2k16', {}),
    ('shufflenetv2k16', {'shufflenetv2k': {'input_conv2_stride': 2, 'kernel': 3}}),
    ('shufflenetv2k16', {'shufflenetv2k': {'stage4_dilation': 2, 'kernel': 7}}),
    ('resnet18', {}),
    ('resnet18', {'resnet': {'pool0_stride': 2}}),
    ('resnet18', {'resnet': {'block5_dilation': 2}}),
    ('shufflenetv2x1', {}),
    ('mobilenetv2', {}),
    ('mobilenetv3small', {}),
    ('squeezenet', {}),
    ('convnexttiny', {}),
    ('convnexttiny', {'convnext': {'stride': 32}}),
]


def _build(name, options=None):
    return backbones.build(name, options, pretrain=False).eval()


@pytest.mark.parametrize('name', GOLDEN)
def test_state_has_the_keys_and_shapes_of_openpifpaf(name):
    with torch.device('meta'):
        backbone = backbones.build(name, pretrain=False)
    state = [[key, list(tensor.shape)] for key, tensor in backbone.state_dict().items()]
    digest = hashlib.sha256(json.dumps(state, separators=(',', ':')).encode()).hexdigest()
    assert digest == GOLDEN[name]['state_sha256']


@pytest.mark.parametrize('name', ONE_A_FAMILY)
def test_features_are_those_of_openpifpaf(name):
    """In float64: the rounding of float32 alone moves mobilenetv3small by 2e-4 of its largest value."""
    golden = GOLDEN[name]
    backbone = _build(name).double()
    fill(backbone)
    with torch.inference_mode():
        features = backbone(probe())[0]
    assert (backbone.stride, backbone.out_features) == (golden['stride'], golden['out_features'])
    assert list(features.shape) == golden['shape']
    means = features.mean((1, 2))[:: golden['out_features'] // 16][:16]
    expected = torch.tensor(golden['channel_mean'], dtype=torch.float64)
    assert (means - expected).abs().max() <= 1e-4 * golden['largest']


@pytest.mark.parametrize(('name', 'options'), GRIDS)
def test_grid(name, options):
    """(n - 1) // stride + 1 cells, and mirrored kernels on the mirrored image mirror the features.

    On m * stride + 1 pixels the second means that the first and last cell lie on the first and last pixel.
    """
    backbone = _build(name, options)
    stride = backbone.stride
    for size in (2 * stride + 1,) if name == 'squeezenet' else (33, 47, 48, 49):
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, 1, size))
        assert features.shape == (1, backbone.out_features, 1, (size - 1) // stride + 1)
    assert _mirror_difference(backbone, torch.randn(1, 3, stride + 1, 2 * stride + 1)) < 1e-4


def test_the_mirror_test_sees_half_a_pixel():
    """torchvision's ConvNeXt as it is cuts patches, and its cells lie between pixels."""
    import torchvision

    trunk = torchvision.models.convnext_tiny(weights=None).features.eval()
    assert _mirror_difference(trunk, torch.randn(1, 3, 33, 65)) > 0.1


def _mirror_difference(backbone, image):
    """Between the features and those of everything mirrored, relative to the largest."""
    with torch.inference_mode():
        features = backbone(image)
        for layer in backbone.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.copy_(layer.weight.flip(2, 3))
        mirrored = backbone(image.flip(2, 3)).flip(2, 3)
    return ((features - mirrored).abs().max() / features.abs().max()).item()


def test_an_unknown_backbone_is_one_line_with_those_there_are():
    with pytest.raises(ValueError, match=r"^there is no backbone 'resnet34'. Known: convnextbase, .*, tiny$"):
        backbones.build('resnet34')


def test_names_are_complete_and_sorted():
    names = backbones.all_names()
    assert names == sorted(names)
    assert set(GOLDEN) | {'tiny', 'convnexttiny'} <= set(names)


def _parsed(*argv):
    parser = argparse.ArgumentParser()
    backbones.add_options(parser)
    return backbones.options_from_args(parser.parse_args(argv))


def test_options_come_from_flags_with_the_familys_prefix():
    options = _parsed('--resnet-no-pretrain', '--resnet-block5-dilation=2', '--shufflenetv2k-kernel=7')
    assert options['resnet'].block5_dilation == 2
    assert not options['resnet'].pretrain
    assert options['shufflenetv2k'].kernel == 7
    assert to_argv(options['resnet'], prefix='resnet') == ['--resnet-no-pretrain', '--resnet-block5-dilation=2']


@pytest.mark.parametrize('family', PRETRAINED_FAMILIES)
def test_imagenet_weights_are_the_default_and_have_a_switch(family):
    assert _parsed()[family].pretrain
    assert not _parsed(f'--{family}-no-pretrain')[family].pretrain


def test_plain_options_are_json_and_build_the_same_network():
    options = _parsed('--shufflenetv2k-input-conv2-stride=2', '--resnet-no-pretrain')
    plain = json.loads(json.dumps(backbones.plain_options('shufflenetv2k16', options)))
    assert set(plain) == {'shufflenetv2k'}
    assert plain['shufflenetv2k']['input_conv2_stride'] == 2
    assert backbones.build('shufflenetv2k16', plain).stride == backbones.build('shufflenetv2k16', options).stride == 32


def test_an_option_from_a_newer_version_is_named():
    with pytest.raises(ValueError, match="backbones 'shufflenetv2k' have no option colour"):
        backbones.build('shufflenetv2k16', {'shufflenetv2k': {'colour': 1}})


@pytest.mark.parametrize(
    ('argv', 'basenet', 'checkpoint', 'said'),
    [
        (['--resnet-block5-dilation=2'], 'shufflenetv2k16', None, "is for the backbones of 'resnet', and --base"),
        (['--shufflenetv2-no-pretrain'], 'shufflenetv2k16', None, "is for the backbones of 'shufflenetv2', and"),
        (['--resnet-no-pretrain'], 'resnet18', 'a.safetensors', 'and --checkpoint=a.safetensors knows its own. Remove'),
        (['--resnet-no-pretrain'], None, 'a.safetensors', '--resnet-no-pretrain is for new networks'),
        ([], 'resnet34', None, "there is no backbone 'resnet34'"),
    ],
)
def test_options_without_effect_are_refused(argv, basenet, checkpoint, said):
    with pytest.raises(ValueError, match=said):
        backbones.check(basenet, _parsed(*argv), checkpoint=checkpoint)


def test_options_of_the_own_family_are_fine():
    backbones.check('resnet18', _parsed('--resnet-no-pretrain'))
    backbones.check(None, _parsed(), checkpoint='a.safetensors')


@pytest.mark.nightly
@pytest.mark.parametrize('name', GOLDEN)
def test_every_backbone_gives_the_features_of_openpifpaf(name):
    test_features_are_those_of_openpifpaf(name)
