"""The total over heads: weights, heads without target, losses that are not finite."""

import math

import pytest
import torch

from pifpaf_core.losses import LossOptions, MultiHeadLoss, NonFiniteLoss


@pytest.fixture
def build(cif, caf, example):
    """The loss of both heads, and an example."""

    def make(**options):
        (raw_cif, target_cif), (raw_caf, target_caf) = example(cif), example(caf)
        return MultiHeadLoss([cif, caf], LossOptions(**options)), [raw_cif, raw_caf], [target_cif, target_caf]

    return make


def test_total_is_the_sum(build):
    loss, raws, targets = build()
    total, components = loss(raws, targets)
    assert loss.field_names == [f'line.{head}.{part}' for head in ('cif', 'caf') for part in ('c', 'vec', 'scales')]
    assert total.item() == pytest.approx(sum(component.item() for component in components))
    assert loss.sigmas() is None
    assert list(loss.parameters()) == []
    assert loss.state_dict() == {}


@pytest.mark.parametrize(
    ('options', 'weights'),
    [
        ({'lambdas': (2.0, 0.5)}, [2, 2, 2, 0.5, 0.5, 0.5]),
        ({'component_lambdas': (1, 2, 3, 0, 5, 6)}, [1, 2, 3, 0, 5, 6]),
    ],
)
def test_lambdas(options, weights, build):
    loss, raws, targets = build(**options)
    total, components = loss(raws, targets)
    assert total.item() == pytest.approx(sum(w * c.item() for w, c in zip(weights, components, strict=True)))


def test_lambdas_weigh_the_whole_tuned_term(build):
    whole, raws, targets = build(auto_tune_mtl=True)
    none = build(auto_tune_mtl=True, lambdas=(1.0, 0.0))[0]
    only = MultiHeadLoss([whole.heads[0].meta], LossOptions(auto_tune_mtl=True))
    assert none(raws, targets)[0].item() == pytest.approx(only(raws[:1], targets[:1])[0].item())


@pytest.mark.parametrize('flag', ['auto_tune_mtl', 'auto_tune_mtl_variance'])
def test_auto_tuning_reports_its_sigmas(flag, build):
    loss, raws, targets = build(**{flag: True})
    loss(raws, targets)
    assert len(loss.sigmas()) == 6
    assert bool(list(loss.parameters())) is (flag == 'auto_tune_mtl')
    assert loss.state_dict() != {}


@pytest.mark.parametrize('options', [{}, {'auto_tune_mtl': True}, {'auto_tune_mtl_variance': True}])
def test_a_head_without_target_is_left_out(options, build):
    loss, raws, targets = build(**options)
    total, components = loss(raws, [targets[0], None])
    assert components[3:] == [None, None, None]
    present = loss if not options else MultiHeadLoss([loss.heads[0].meta], LossOptions(**options))
    expected = sum(c.item() for c in components[:3]) if not options else present(raws[:1], targets[:1])[0].item()
    assert total.item() == pytest.approx(expected)


def test_its_output_may_be_anything(build):
    loss, raws, targets = build()
    raws[1] = torch.full_like(raws[1], math.nan).requires_grad_()
    total, _ = loss(raws, [targets[0], None])
    assert total.isfinite()


def test_not_finite(build):
    loss, raws, targets = build()
    _, components = loss(raws, targets)
    raws[1][:, :, 2] = math.inf
    with pytest.raises(NonFiniteLoss, match=r'line\.caf\.vec is inf .*before: line\.cif\.c .*\. Lower --lr') as caught:
        loss(raws, targets)
    assert caught.value.component == 'line.caf.vec'
    assert caught.value.previous['line.cif.c'] == components[0].item()
    assert '\n' not in str(caught.value)


def test_not_finite_at_once(build):
    loss, raws, targets = build()
    with pytest.raises(NonFiniteLoss, match=r'line\.cif\.c is nan \(before: nothing\)'):
        loss([raw * math.nan for raw in raws], targets)


def test_what_is_not_finite_is_not_remembered(build):
    loss, raws, targets = build(auto_tune_mtl_variance=True)
    with pytest.raises(NonFiniteLoss):
        loss([raw * math.nan for raw in raws], targets)
    assert loss.balance.count.tolist() == [0] * 6


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'lambdas': (1.0,)}, '--lambdas has 1 values. Give 2, for cif, caf'),
        ({'component_lambdas': (1.0, 2.0)}, '--component-lambdas has 2 values. Give 6, for cif.c, cif.vec, '),
    ],
)
def test_wrong_number_of_weights(options, message, cif, caf):
    with pytest.raises(ValueError, match=message):
        MultiHeadLoss([cif, caf], LossOptions(**options))


def test_wrong_number_of_fields(build):
    loss, raws, targets = build()
    with pytest.raises(ValueError, match=r'1 outputs and 2 targets for 2 heads\. Give one of each'):
        loss(raws[:1], targets)
    with pytest.raises(ValueError, match='no target for any head'):
        loss(raws, [None, None])
