import torch

from pifpaf_core import backbones


def test_every_layer_keeps_cells_on_pixels():
    backbone = backbones.build('squeezenet', pretrain=False).eval()
    with torch.inference_mode():
        assert [backbone(torch.zeros(1, 3, 1, size)).shape[-1] for size in (17, 33, 97, 385)] == [2, 3, 7, 25]
