import pytest
import torch
import torchvision

from pifpaf_core import backbones
from pifpaf_core.backbones import pretrained
from pifpaf_core.download import DownloadError


def test_without_network_one_line_names_the_flag(monkeypatch):
    def unreachable(address, folder):
        raise DownloadError(f'{address} could not be downloaded (no route). Put the file at {folder}/x.pth')

    monkeypatch.setattr(pretrained, 'fetch', unreachable)
    with pytest.raises(
        ValueError, match=r'(?s)^no ImageNet weights for resnet18: https.*--resnet-no-pretrain$'
    ) as caught:
        backbones.build('resnet18')
    assert '\n' not in str(caught.value)


def test_weights_are_loaded_unless_switched_off(monkeypatch, tmp_path):
    weights = torchvision.models.shufflenet_v2_x1_0(weights=None).state_dict()
    torch.save(weights, tmp_path / 'weights.pth')
    asked = []
    monkeypatch.setattr(pretrained, 'fetch', lambda address, folder: asked.append(address) or tmp_path / 'weights.pth')

    backbone = backbones.build('shufflenetv2x1')
    assert torch.equal(backbone.conv1[0].weight, weights['conv1.0.weight'])
    assert len(asked) == 1
    backbones.build('shufflenetv2x1', {'shufflenetv2': {'pretrain': False}})
    backbones.build('shufflenetv2x1', pretrain=False)
    assert len(asked) == 1
