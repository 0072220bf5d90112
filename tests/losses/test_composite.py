"""The loss of one head: recorded numbers, invariances, types and shapes."""

import dataclasses
import math

import pytest
import torch

from benchmarks.parity import losses as parity
from pifpaf_core.losses import CompositeLoss, LossOptions

HEADS = ['cif', 'caf', 'cifdet']


def test_golden_gradients(repository):
    cases = [case for case in parity.cases(repository / 'tests' / 'golden') if not case.is_absent]
    assert len(cases) == 8
    assert [case for case in cases if not case.holds] == []


def test_all_recorded_losses(shared):
    cases = list(parity.cases(shared / 'reference'))
    assert len(cases) == 16
    assert [case for case in cases if not case.holds or case.is_absent] == []


def losses_and_gradient(loss, raw, target):
    raw = raw.clone().requires_grad_()
    losses = loss(raw, target)
    losses.sum().backward()
    return losses.detach(), raw.grad


@pytest.mark.parametrize('head', HEADS)
def test_names(head, request):
    meta = request.getfixturevalue(head)
    parts = ['c', 'vec'] if head == 'cifdet' else ['c', 'vec', 'scales']
    assert CompositeLoss(meta, LossOptions()).field_names == [f'{meta.dataset}.{head}.{part}' for part in parts]


@pytest.mark.parametrize('head', HEADS)
def test_picking_cells_changes_nothing(head, request, example):
    """On a CPU only cells with a target are computed, on a GPU all: the same losses and gradients."""
    loss = CompositeLoss(request.getfixturevalue(head), LossOptions())
    raw, target = example(loss.meta)
    assert target[:, :, 0].isnan().any()
    results = []
    for gather in (True, False):
        inputs = raw.clone().requires_grad_()
        losses = torch.stack(loss._losses(inputs.unbind(2), target.unbind(2), gather=gather))
        losses.sum().backward()
        results.append((losses.detach(), inputs.grad))
    torch.testing.assert_close(*results)
    assert results[0][1].isfinite().all()


@pytest.mark.parametrize('head', HEADS)
def test_sum_over_the_batch_size(head, request, example):
    loss = CompositeLoss(request.getfixturevalue(head), LossOptions())
    raw, target = example(loss.meta)
    single = [loss(raw[i : i + 1], target[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(loss(raw, target), (single[0] + single[1]) / 2)


@pytest.mark.parametrize('head', HEADS)
def test_training_weights(head, request, example):
    meta = request.getfixturevalue(head)
    raw, target = example(meta)
    whole = CompositeLoss(meta, LossOptions())(raw, target)
    weights = [0.0] * meta.n_fields
    parts = []
    for field in range(meta.n_fields):
        only = dataclasses.replace(meta, training_weights=(*weights[:field], 1.0, *weights[field + 1 :]))
        parts.append(CompositeLoss(only, LossOptions())(raw, target))
    torch.testing.assert_close(sum(parts), whole)
    weighed = dataclasses.replace(meta, training_weights=tuple(float(i + 1) for i in range(meta.n_fields)))
    expected = sum((i + 1) * part for i, part in enumerate(parts))
    torch.testing.assert_close(CompositeLoss(weighed, LossOptions())(raw, target), expected)


def test_nothing_known_is_no_loss(caf, example):
    raw, target = example(caf)
    losses, gradient = losses_and_gradient(CompositeLoss(caf, LossOptions()), raw, torch.full_like(target, math.nan))
    assert losses.tolist() == [0.0, 0.0, 0.0]
    assert not gradient.any()


def test_unknown_scale_is_replaced_by_the_predicted_one(cif, example):
    """Then the size of the prediction is no target: its gradient is zero."""
    raw, target = example(cif)
    target[:, :, cif.target.scale(0)] = math.nan
    losses, gradient = losses_and_gradient(CompositeLoss(cif, LossOptions()), raw, target)
    assert losses[2] == 0.0
    assert not gradient[:, :, cif.prediction.scale(0)].any()
    raw[:, :, cif.prediction.scale(0)] += 3.0
    assert CompositeLoss(cif, LossOptions())(raw, target)[1] < losses[1]


def test_float32_under_autocast(cif, example):
    raw, target = example(cif)
    loss = CompositeLoss(cif, LossOptions())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = loss(raw.bfloat16(), target)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss(raw.bfloat16().float(), target))


def test_any_memory_format(cif, example):
    raw, target = example(cif)
    loss = CompositeLoss(cif, LossOptions())
    strided = raw.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)
    assert torch.equal(loss(strided, target), loss(raw, target))


def test_wrong_shapes(cif, caf, example):
    loss = CompositeLoss(cif, LossOptions())
    raw, target = example(cif)
    with pytest.raises(ValueError, match=r"head 'cif' got output .*\. Give \[B, 3, 5, H, W\] and \[B, 3, 5, H, W\]"):
        loss(raw, target[..., :-1])
    with pytest.raises(ValueError, match="head 'cif'"):
        loss(*example(caf))
