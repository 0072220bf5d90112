"""Checkpoints as OpenPifPaf pickles them: networks of classes with its names, made here out of ours."""

import sys
import types

import pytest
import torch
from torch import nn

_PACKAGE = 'openpifpaf'


@pytest.fixture
def ancestor(monkeypatch):
    """Makes classes ``ancestor('network.nets.Shell')`` that can be pickled under OpenPifPaf's names."""
    for name in ('', '.headmeta', '.network', '.network.nets', '.network.heads', '.network.basenetworks'):
        monkeypatch.setitem(sys.modules, _PACKAGE + name, types.ModuleType(_PACKAGE + name))

    def make(path, base=object):
        module, _, name = f'{_PACKAGE}.{path}'.rpartition('.')
        if not hasattr(sys.modules[module], name):
            setattr(sys.modules[module], name, type(name, (base,), {'__module__': module}))
        return getattr(sys.modules[module], name)

    return make


@pytest.fixture
def disguised(ancestor):
    """Turns our modules into modules of classes with OpenPifPaf's names; what torch and torchvision define stays."""

    def convert(module, **attributes):
        children = {name: convert(child) for name, child in module.named_children()}
        if type(module).__module__.startswith('pifpaf_core'):
            name = {'_Unit': 'InvertedResidualK'}.get(type(module).__name__, type(module).__name__)
            kind = ancestor(f'network.basenetworks.{name}', nn.Module)
            copy = kind.__new__(kind)
            copy.__dict__ = {k: v for k, v in module.__dict__.items() if k != '_measured'}
            module = copy
        module._modules = children
        module.__dict__.update(attributes)
        return module

    return convert


@pytest.fixture
def pickled(ancestor, disguised, tmp_path):
    """Writes a checkpoint: a backbone of ours, and heads given as (kind, convolution, attributes of the meta)."""

    def write(backbone, heads, *, name='tiny', epoch=7, args=None, wrap=lambda model: model):
        nets = []
        for kind, conv, (meta_kind, attributes) in heads:
            head = ancestor(f'network.heads.{kind}', nn.Module)()
            head.conv, head.meta = conv, ancestor(f'headmeta.{meta_kind}')()
            head.meta.__dict__.update(attributes)
            nets.append(head)
        shell = ancestor('network.nets.Shell', nn.Module)()
        shell.base_net, shell.head_nets = disguised(backbone, name=name), nn.ModuleList(nets)
        path = tmp_path / 'net.pkl.epoch007'
        about = {'args': args or {'dataset': 'cocokp', 'lr': 0.1}, 'version': '0.12.1', 'plugin_versions': {}}
        torch.save({'model': wrap(shell), 'epoch': epoch, 'meta': about}, path)
        return path

    return write


BOXES = ('CifDet', {'name': 'cifdet', 'dataset': 'cocodet', 'categories': ['person', 'cat'], 'upsample_stride': 1})


@pytest.fixture
def box_head():
    """Makes a CompositeField4 of two categories."""
    return lambda features: ('CompositeField4', nn.Conv2d(features, 12, 1), BOXES)
