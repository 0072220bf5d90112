import torch
from torch import nn

from pifpaf_core.backbones.contract import Backbone


class _Strided(Backbone):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 7, 3, stride=4, padding=1)

    def forward(self, images):
        return self.conv(self.norm(images))


def test_stride_and_features_are_measured():
    backbone = _Strided()
    assert (backbone.stride, backbone.out_features) == (4, 7)


def test_measuring_changes_nothing():
    backbone = _Strided().train()
    backbone.norm.eval()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    assert backbone.stride == 4
    assert backbone.training
    assert not backbone.norm.training
    assert all(torch.equal(before[name], tensor) for name, tensor in backbone.state_dict().items())
