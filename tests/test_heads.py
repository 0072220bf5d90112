from pathlib import Path

import numpy as np
import pytest
import torch

from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.heads import CompositeField, inference
from pifpaf_core.skeletons.cocokp import COCO_PERSON

GOLDEN = np.load(Path(__file__).parent / 'golden' / 'heads.npz')
CIF = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON)
CAF = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON)
BOXES = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle', 'car'))


@pytest.mark.parametrize('meta', [CIF, CAF], ids=lambda meta: meta.name)
def test_inference_is_that_of_openpifpaf(meta):
    fields = inference(torch.from_numpy(GOLDEN[f'{meta.name}_raw']), meta)
    np.testing.assert_allclose(fields.numpy(), GOLDEN[meta.name], rtol=0, atol=1e-5)


def test_sizes_of_boxes_do_not_move_with_the_cell():
    """CifDet: x, y get the cell's index, w and h stay raw (FIELDS section 2)."""
    fields = inference(torch.zeros(1, 3, 6, 2, 4), BOXES)[0, 0]
    logs2, confidence, x, y, w, h = fields
    assert torch.equal(x, torch.arange(4.0).expand(2, 4))
    assert torch.equal(y, torch.arange(2.0)[:, None].expand(2, 4))
    assert torch.equal(confidence, torch.full((2, 4), 0.5))
    assert not any(component.any() for component in (logs2, w, h))


def test_inference_leaves_the_raw_field_alone_and_counts_cells_in_float32():
    raw = torch.zeros(1, 17, 5, 1, 400, dtype=torch.bfloat16)
    fields = inference(raw, CIF)
    assert not raw.any()
    assert fields.dtype == torch.float32
    assert fields[0, 0, 2, 0, 399] == 399.0  # bfloat16 would say 400


@pytest.mark.parametrize('upsample', [1, 2, 3, 4])
def test_the_refined_grid_keeps_the_first_cell_and_ends_at_the_last(upsample):
    meta = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=upsample)
    assert CompositeField(meta, 8)(torch.zeros(2, 8, 4, 7)).shape == (2, 17, 5, 3 * upsample + 1, 6 * upsample + 1)


def test_sub_positions_vary_fastest():
    """Channel ((field * components + component) * 2 + row) * 2 + column, and the last row and column are cut."""
    meta = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle', 'car'), upsample=2)
    head = CompositeField(meta, 2).eval()
    features = torch.randn(1, 2, 3, 3)
    channels = torch.nn.functional.conv2d(features, head.conv.weight, head.conv.bias)
    field = head(features)
    for row in range(2):
        for column in range(2):
            plain = channels[:, ((1 * 6 + 4) * 2 + row) * 2 + column, : 3 - row, : 3 - column]
            torch.testing.assert_close(field[:, 1, 4, row::2, column::2], plain)


def test_dropout_zeroes_features_in_training_only():
    head = CompositeField(CIF, 64, dropout=0.5)
    features = torch.ones(1, 64, 3, 3)
    plain = head.conv(features)
    assert torch.equal(head.eval()(features).flatten(), plain.flatten())
    assert not torch.equal(head.train()(features).flatten(), plain.flatten())
