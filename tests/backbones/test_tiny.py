import torch

from pifpaf_core import backbones


def test_it_is_tiny_and_has_the_stride_of_the_others():
    backbone = backbones.build('tiny')
    assert (backbone.stride, backbone.out_features) == (16, 64)
    assert sum(p.numel() for p in backbone.parameters()) < 200_000


def test_every_weight_learns():
    backbone = backbones.build('tiny').train()
    backbone(torch.randn(2, 3, 49, 49)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in backbone.parameters())
