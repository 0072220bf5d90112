"""What two processes do together: each runs this file (see test_distributed.py), asserts, and says 'fine'."""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fake_training as fake
import torch
import torch.distributed as dist
from torch import nn

from pifpaf_core.command import Preempted
from pifpaf_core.losses import LossOptions
from pifpaf_core.training.distributed import DistributedOptions, World, connect
from pifpaf_core.training.sync_batch_norm import SyncBatchNorm2d, synchronize


class Killed(BaseException):
    pass


class KillingLoader(fake.RandomLoader):
    def batch(self, epoch, index):
        if (epoch, index) == self.at:
            raise Killed
        return super().batch(epoch, index)


def losses(output):
    records = [json.loads(line) for line in Path(f'{output}.log').read_text().splitlines()]
    kept = [r for r in records if 'loss' in r]
    return {(r['type'], r['epoch'], r.get('batch')): [r['loss'], *r['head_losses']] for r in kept}


def telling(world):
    assert world.size == 2 and world.is_main == (world.rank == 0)
    assert world.any(world.rank == 1, False, True) == (True, False, True)
    assert world.gather(torch.tensor([world.rank, 7.0])).tolist() == [[0.0, 7.0], [1.0, 7.0]]
    assert world.broadcast({'from': world.rank}) == {'from': 0}
    tensor = torch.tensor([float(world.rank)])
    world.average([tensor])
    assert tensor.item() == 0.5
    world.copy_from_main([tensor.fill_(world.rank)])
    assert tensor.item() == 0.0


def batch_norm(world):
    """Unequal batches of two processes are normalized as one batch, and so are the gradients."""
    torch.manual_seed(3)
    whole = torch.randn(5, 4, 3, 3) * 3 + 1
    weights = torch.randn(5, 4, 3, 3)
    part = slice(0, 2) if world.rank == 0 else slice(2, 5)
    one, many = (nn.Sequential(nn.BatchNorm2d(4, eps=1e-4, momentum=m)) for m in (0.1, 0.1))
    keys = list(many.state_dict())
    synchronize(many, world.device)
    assert isinstance(many[0], SyncBatchNorm2d) and list(many.state_dict()) == keys
    for layer in (one[0], many[0]):
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0]))
            layer.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 3.0]))
    a, b = whole.clone().requires_grad_(), whole[part].clone().requires_grad_()
    expected, got = one(a), many(b)
    assert torch.allclose(expected[part], got, atol=1e-5)
    (expected * weights).sum().backward()
    (got * weights[part]).sum().backward()
    assert torch.allclose(a.grad[part], b.grad, atol=1e-5)
    for x, y in zip(one[0].parameters(), many[0].parameters(), strict=True):
        gradient = y.grad.clone()
        dist.all_reduce(gradient)
        assert torch.allclose(x.grad, gradient, atol=1e-4)
    for x, y in zip(one[0].buffers(), many[0].buffers(), strict=True):
        assert torch.allclose(x.float(), y.float(), atol=1e-5)
    for layer in (one[0], many[0]):  # cumulative averages, as recalibration uses them
        layer.reset_running_stats()
        layer.momentum = None
    for factor in (1.0, 3.0):
        one(factor * whole)
        many(factor * whole[part])
    for x, y in zip(one[0].buffers(), many[0].buffers(), strict=True):
        assert torch.allclose(x.float(), y.float(), atol=1e-4)
    assert torch.allclose(one.eval()(whole)[part], many.eval()(whole[part]), atol=1e-5)


def as_one_with_twice_the_batch(world, folder):
    common = {'n_batches': 3, 'datasets': ('one', 'two'), 'recalibrate_batch_norm': 2, 'stride_apply': 2}
    together = fake.make_trainer(folder / f'together{world.rank}', world=world, batch_size=2, **common)
    together.fit()
    alone = fake.make_trainer(folder / f'alone{world.rank}', batch_size=4, **common)
    alone.fit()
    for name, value in fake.weights(alone).items():
        other = fake.weights(together)[name]
        assert torch.allclose(value.float(), other.float(), rtol=1e-2, atol=1e-3 * float(value.float().abs().max())), (
            name
        )
    if world.is_main:
        a, b = losses(folder / 'alone0'), losses(folder / 'together0')
        assert a.keys() == b.keys() and len(a) == 10
        for key, values in a.items():
            for x, y in zip(values, b[key], strict=True):
                assert (x is None) == (y is None)
                assert x is None or abs(x - y) <= 1e-3 * abs(x) + 1e-2, (key, x, y)
    else:
        assert not list(folder.glob('together1*'))  # only the first process writes


def killed_and_resumed(world, folder):
    for sync in (True, False):
        options = {
            'world': world, 'n_batches': 3, 'datasets': ('one', 'two'), 'interval': 1e-9, 'sync': sync, 'epochs': 2,
            'dropout': 0.2, 'recalibrate_batch_norm': 0 if sync else 1,
        }  # fmt: skip
        whole = fake.make_trainer(folder / f'whole-{sync}', **options)
        whole.fit()
        output = folder / f'killed-{sync}'
        trainer = fake.make_trainer(output, **options)
        trainer.train = KillingLoader(trainer.objective.network, n_batches=3, rank=world.rank, world_size=2)
        trainer.train.at = (1, 1)
        try:
            trainer.fit()
            raise AssertionError
        except Killed:
            pass
        last = fake.make_trainer(output, **options)
        last.restore(world.broadcast(last.saving.files.load() if world.is_main else None))
        assert (last.epoch, last.batch) == (1, 1)
        last.fit()
        if sync or world.is_main:
            fake.assert_same(fake.weights(whole), fake.weights(last))
        if world.is_main:
            assert losses(folder / f'whole-{sync}') == losses(output)


def processes_that_do_not_agree(world, folder):
    """Other data on one of them: it would wait for ever for a batch that the other has not."""
    whole = fake.make_trainer(folder / 'agree', world=world, n_batches=4, epochs=1)
    whole.fit()
    state = whole.state()
    state |= {'epoch': 0, 'batch': 2}
    trainer = fake.make_trainer(folder / 'differ', world=world, n_batches=4 + world.rank, epochs=1)
    trainer.restore(state)
    assert (trainer.epoch, trainer.batch) == (0, 0 if world.rank else 2)
    try:
        trainer.fit()
        raise AssertionError
    except ValueError as error:
        assert 'process 0 at epoch 1, batch 2 of 4, process 1 at epoch 1, batch 0 of 5. Give all' in str(error)
    assert not list(folder.glob('differ.epoch*'))


def one_process_is_terminated(world, folder):
    trainer = fake.make_trainer(folder / 'term', world=world, n_batches=4, epochs=3)
    batch = trainer.train.batch

    def terminating(epoch, index):
        if world.rank == 1 and (epoch, index) == (1, 1):
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(epoch, index)

    trainer.train.batch = terminating
    try:
        trainer.fit()
        raise AssertionError
    except Preempted as preempted:
        assert 'after batch 2 of epoch 2' in str(preempted)
    if world.is_main:
        state = trainer.saving.files.load()
        assert (state['epoch'], state['batch'], state['world_size']) == (1, 2, 2)
        alone = fake.make_trainer(folder / 'term', n_batches=4)
        alone.restore(state)
        assert (alone.epoch, alone.batch) == (1, 0)  # on one process the epoch starts over


def one_process_finds_a_non_finite_loss(world, folder):
    """Both leave the step out, also with a balance that talks while the loss is computed; then both stop."""
    options = {
        'world': world, 'n_batches': 6, 'stride_apply': 2, 'epochs': 1, 'datasets': ('one', 'two'),
        'loss_options': LossOptions(auto_tune_mtl_variance=True),
    }  # fmt: skip
    trainer = fake.make_trainer(folder / 'tolerant', skip_nonfinite=1, **options)
    batch = trainer.train.batch

    def poisoned(epoch, index):
        made = batch(epoch, index)
        if world.rank == 1 and index in poisoned.at:
            made.targets[1][:, :, trainer.objective.network.metas[1].target.vector(0)] = 1e30
        return made

    trainer.train.batch, poisoned.at = poisoned, (2,)
    trainer.fit()
    assert (trainer._nonfinite.skipped, trainer._ema.steps) == (1, 2)
    for name, value in fake.weights(trainer).items():
        both = world.gather(value.double().flatten())
        assert torch.equal(both[0], both[1]) and both.isfinite().all(), name
    trainer.epoch, trainer.batch, poisoned.at = 0, 0, (0,)
    try:
        trainer.fit()
        raise AssertionError
    except ValueError as error:
        assert ('another process' in str(error)) is world.is_main, error
    if not world.is_main:
        assert len(list(folder.glob('tolerant.nonfinite-*-p1.safetensors'))) == 2


def main(folder):
    torch.set_num_threads(1)
    with connect(DistributedOptions(ddp=True, disable_cuda=True)) as world:
        telling(world)
        batch_norm(world)
        as_one_with_twice_the_batch(world, folder)
        killed_and_resumed(world, folder)
        processes_that_do_not_agree(world, folder)
        one_process_is_terminated(world, folder)
        one_process_finds_a_non_finite_loss(world, folder)
    assert not dist.is_initialized()
    print('fine', World().size)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
