import json
import math
import os
import signal

import fake_training as fake
import pytest
import torch

from pifpaf_core import checkpoint
from pifpaf_core.command import Preempted
from pifpaf_core.losses import LossOptions
from pifpaf_core.training import nonfinite
from pifpaf_core.training.clipping import Clipping
from pifpaf_core.training.objective import SpeedOptions
from pifpaf_core.training.optimizer import OptimizerOptions
from pifpaf_core.training.options import TrainerOptions
from pifpaf_core.training.schedule import ScheduleOptions, learning_rate


def records(output, *kinds):
    """{(type, epoch, batch): record without times}; of records that came twice the later one."""
    found = {}
    for line in output.with_name(output.name + '.log').read_text().splitlines():
        record = json.loads(line)
        if record.get('type') in kinds:
            kept = {k: v for k, v in record.items() if k in COMPARED}
            found[record['type'], record['epoch'], record.get('batch')] = kept
    return found


COMPARED = ('lr', 'loss', 'head_losses', 'n_clipped_grad', 'max_norm', 'grad_norm')
KINDS = ('train', 'train-epoch', 'val-epoch')


class Killed(BaseException):
    pass


class KillingLoader(fake.RandomLoader):
    """Dies when batch ``(epoch, batch)`` is asked for."""

    def __init__(self, *args, at, **kwargs):
        super().__init__(*args, **kwargs)
        self.at = at

    def batch(self, epoch, index):
        if (epoch, index) == self.at:
            raise Killed
        return super().batch(epoch, index)


def test_what_a_training_leaves(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=3, val_interval=2)
    trainer.fit()
    assert sorted(p.name for p in tmp_path.glob('*.safetensors')) == [
        'run.best.safetensors', *(f'run.epoch{epoch:03d}.safetensors' for epoch in (0, 2, 3)),
    ]  # fmt: skip
    found = records(tmp_path / 'run', *KINDS)
    assert [k for k in found if k[0] == 'train'] == [('train', e, b) for e in range(3) for b in range(4)]
    assert [k[1] for k in found if k[0] == 'train-epoch'] == [1, 2, 3]
    assert [k[1] for k in found if k[0] == 'val-epoch'] == [2, 3]
    loaded = checkpoint.load(tmp_path / 'run.epoch003.safetensors')
    assert loaded.epoch == 3
    average = trainer._ema.state_dict()['average']
    assert all(torch.equal(v, average[k]) for k, v in loaded.network.state_dict().items())


def test_epoch_loss_is_the_mean_of_the_batches_that_were_run(tmp_path):
    fake.make_trainer(tmp_path / 'run', epochs=1, n_batches=6, train_batches=4).fit()
    found = records(tmp_path / 'run', *KINDS)
    batches = [r['loss'] for (kind, _, _), r in found.items() if kind == 'train']
    assert len(batches) == 4
    assert found['train-epoch', 1, None]['loss'] == pytest.approx(sum(batches) / 4, rel=1e-6)


def test_records_carry_schedule_rates_and_shapes(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=2, n_batches=8, train_batches=4, log_interval=2)
    trainer.fit()
    lines = [json.loads(line) for line in (tmp_path / 'run.log').read_text().splitlines()]
    train = [line for line in lines if line.get('type') == 'train']
    assert [(r['epoch'], r['batch'], r['n_batches']) for r in train] == [(0, 0, 4), (0, 2, 4), (1, 0, 4), (1, 2, 4)]
    for r in train:
        step = 4 * r['epoch'] + r['batch']  # epochs of the schedule are those that are run
        assert r['lr'] == learning_rate(trainer.schedule, step, batches_per_epoch=4)
        assert len(r['head_losses']) == 6
        assert r['grad_norm'] > 0.0 and ('gpu_memory' in r) == (trainer.world.device.type == 'cuda')
        assert r['time'] >= 0.0 and r['data_time'] >= 0.0 and r['images_per_second'] > 0.0 and 0 <= r['data_wait'] <= 1
    epochs = [line for line in lines if line.get('type') in ('train-epoch', 'val-epoch')]
    assert all({'loss', 'head_losses', 'time', 'images_per_second', 'data_wait'} <= line.keys() for line in epochs)


def test_validation_touches_no_statistics_and_sees_the_same_data_each_time(tmp_path):
    """With a learning rate of nothing only the statistics could change the validation loss of the same weights."""
    still = ScheduleOptions(lr=1e-30, lr_warm_up_epochs=0)
    a = fake.make_trainer(tmp_path / 'a', epochs=2, ema=0.0, schedule=still, fix_batch_norm=0)
    before = fake.weights(a)
    a.fit()
    after = fake.weights(a)
    assert all(torch.equal(before[k], after[k]) for k in before if 'running' in k)
    found = records(tmp_path / 'a', 'val-epoch')
    assert found['val-epoch', 1, None] == found['val-epoch', 2, None]
    assert [e for e, _ in a.val.asked] == [0, 0]


def test_validation_loss_is_that_of_the_checkpoint_in_evaluation_mode(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1, val_batches=1)
    trainer.fit()
    net = checkpoint.load(tmp_path / 'run.epoch001.safetensors').network
    batch = trainer.val.batch(0, 0)
    with torch.inference_mode():
        total, _ = trainer.objective.loss(net(net.normalize(batch.images)), batch.targets)
    assert records(tmp_path / 'run', 'val-epoch')['val-epoch', 1, None]['loss'] == pytest.approx(float(total), rel=1e-5)


def test_accumulation_equals_one_big_batch(tmp_path):
    """Four batches of one image give the gradient of one batch of four; a rest is divided by its own size."""

    class Parts(fake.RandomLoader):
        def batch(self, epoch, index):  # image `index` of the big batch
            images, targets, meta = self.sample(epoch, 0, index, 'one')
            return fake.Batch(images[None], [t[None] for t in targets], [meta], 'one')

    def gradients(trainer):
        seen = []

        class Spy(Clipping):
            def __call__(self, parameters, *, lr):
                seen.append([p.grad.clone() for p in parameters])

        trainer._update.clipping = Spy()
        trainer.fit()
        return seen

    common = {'fix_batch_norm': 0, 'epochs': 1, 'schedule': ScheduleOptions(lr=1e-30)}
    net = fake.network()
    big = fake.make_trainer(tmp_path / 'a', **common, train=fake.RandomLoader(net, n_batches=1, batch_size=4))
    many = fake.make_trainer(tmp_path / 'b', **common, stride_apply=4, train=Parts(net, n_batches=4))
    rest = fake.make_trainer(tmp_path / 'c', **common, stride_apply=3, train=Parts(net, n_batches=4))
    (expected,), (accumulated,), steps = gradients(big), gradients(many), gradients(rest)
    for a, b in zip(expected, accumulated, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(a.abs().max()))
    assert len(steps) == 2
    for a, first, last in zip(expected, *steps, strict=True):
        assert torch.allclose(4 * a, 3 * first + last, rtol=1e-3, atol=1e-3 * float(a.abs().max()))


def test_one_step_an_accumulated_group_with_the_rate_of_its_last_batch(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1, n_batches=5, stride_apply=2)
    rates = []
    original = trainer.optimizer.step
    trainer.optimizer.step = lambda: (rates.append(trainer.optimizer.param_groups[0]['lr']), original())
    trainer.fit()
    assert rates == [learning_rate(trainer.schedule, step, batches_per_epoch=5) for step in (1, 3, 4)]
    assert trainer._ema.steps == 3


@pytest.mark.parametrize(
    'changed',
    [
        {'clip_grad_value': 0.01},
        {'clip_grad_norm': 1e-6},
        {'ema': 0.7},
        {'ema': 0.0},
        {'stride_apply': 2},
        {'train_batches': 3},
        {'fix_batch_norm': 1},
        {'recalibrate_batch_norm': 2},
        {'optimization': OptimizerOptions(momentum=0.5)},
        {'optimization': OptimizerOptions(nesterov=False)},
        {'optimization': OptimizerOptions(weight_decay=0.1)},
        {'optimization': OptimizerOptions(adam=True)},
        {'loss_options': LossOptions(auto_tune_mtl=True)},
        {'dropout': 0.5},
        {'speed': SpeedOptions(precision='bfloat16')},
        {'speed': SpeedOptions(precision='float16')},
    ],
    ids=str,
)
def test_each_option_has_an_effect_on_what_is_written(tmp_path, plain, changed):
    other = written(tmp_path / 'changed', **changed)
    assert any(not torch.equal(value, other[name]) for name, value in plain.items())


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    return written(tmp_path_factory.mktemp('plain') / 'plain')


def written(output, **options):
    """Weights of the last checkpoint; 8 steps reach the limit of the decay only if --ema is large."""
    common = {'ema': 0.3, 'schedule': ScheduleOptions(lr=1e-4)}
    fake.make_trainer(output, **{**common, **options}).fit()
    return checkpoint.load(f'{output}.epoch002.safetensors').network.state_dict()


def test_clipped_steps_are_counted(tmp_path):
    fake.make_trainer(tmp_path / 'run', epochs=1, clip_grad_norm=1e-6).fit()
    record = records(tmp_path / 'run', 'train-epoch')['train-epoch', 1, None]
    assert record['n_clipped_grad'] == 4 and record['max_norm'] > 0.0


def test_sigmas_of_tuned_losses_are_recorded(tmp_path):
    fake.make_trainer(tmp_path / 'run', epochs=1, loss_options=LossOptions(auto_tune_mtl=True)).fit()
    lines = [json.loads(line) for line in (tmp_path / 'run.log').read_text().splitlines()]
    sigmas = [line['mtl_sigmas'] for line in lines if line.get('type') == 'train']
    assert len(sigmas) == 4 and all(len(s) == 6 for s in sigmas) and sigmas[0] != sigmas[-1]


def test_recalibrated_statistics_are_written_and_do_not_disturb_the_training(tmp_path):
    plain = fake.make_trainer(tmp_path / 'a', epochs=2)
    recalibrated = fake.make_trainer(tmp_path / 'b', epochs=2, recalibrate_batch_norm=3)
    plain.fit()
    recalibrated.fit()
    fake.assert_same(fake.weights(plain), fake.weights(recalibrated))
    a, b = (checkpoint.load(tmp_path / f'{n}.epoch002.safetensors').network for n in 'ab')
    differing = {k for k, v in a.state_dict().items() if not torch.equal(v, b.state_dict()[k])}
    assert differing and all('running' in k or 'num_batches' in k for k in differing)

    expected = fake.network()  # by hand: the written weights, and three training batches as one
    expected.load_state_dict(b.state_dict())
    layers = [m for m in expected.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    expected.train()
    with torch.no_grad():
        images = torch.cat([recalibrated.train.batch(1, i).images for i in range(3)])
        expected(expected.normalize(images))
    for name, value in b.state_dict().items():
        assert torch.allclose(value, expected.state_dict()[name], rtol=1e-4, atol=1e-5), name


@pytest.mark.parametrize(
    'options',
    [
        {'datasets': ('one', 'two'), 'dropout': 0.3, 'n_batches': 5, 'loss_options': LossOptions(auto_tune_mtl=True)},
        {'stride_apply': 2, 'n_batches': 5, 'clip_grad_norm': 0.001, 'recalibrate_batch_norm': 2},
        {
            'optimization': OptimizerOptions(amsgrad=True, weight_decay=1e-3),
            'loss_options': LossOptions(auto_tune_mtl_variance=True),
            'speed': SpeedOptions(precision='float16'),
            **{'ema': 0.0, 'n_batches': 3, 'train_batches': 2, 'val_interval': 3},
        },
    ],
    ids=str,
)
def test_a_killed_and_resumed_training_is_the_same_to_the_last_bit(tmp_path, options):
    """Killed twice, once in an epoch and once at its start; a state is written after each step."""
    options = {'epochs': 3, 'interval': 1e-9, **options}
    whole = fake.make_trainer(tmp_path / 'whole', **options)
    whole.fit()
    output = tmp_path / 'killed'
    for at in ((0, 1), (2, 0)):
        trainer = fake.make_trainer(output, **options)
        trainer.train = KillingLoader(trainer.objective.network, at=at, n_batches=options['n_batches'])
        if trainer.saving.files.exist():
            trainer.restore(trainer.saving.files.load())
        with pytest.raises(Killed):
            trainer.fit()
    last = fake.make_trainer(output, **options)
    last.restore(last.saving.files.load())
    last.fit()
    fake.assert_same(fake.weights(whole), fake.weights(last))
    assert records(tmp_path / 'whole', *KINDS) == records(output, *KINDS)
    for epoch in (0, 3):
        a, b = (p.with_name(f'{p.name}.epoch{epoch:03d}.safetensors') for p in (tmp_path / 'whole', output))
        assert a.read_bytes() == b.read_bytes()
    assert all(epoch > 0 for epoch, _ in last.train.asked)  # it did not begin from the start


def test_states_are_kept_between_steps_only(tmp_path):
    """An accumulated gradient is never part of a state, so a state is always at the end of a group or of an epoch."""
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1, n_batches=5, stride_apply=2, interval=1e-9)
    seen = []
    trainer.saving.state = lambda state: seen.append((state['epoch'], state['batch']))
    trainer.fit()
    assert seen == [(0, 2), (0, 4), (0, 5), (1, 0)]


@pytest.mark.parametrize(('cheap', 'expected'), [(True, [(0, 2), (1, 2), (2, 2), (3, 0)]), (False, [(2, 2), (3, 0)])])
def test_short_epochs_without_a_checkpoint_save_only_if_that_is_cheap(tmp_path, cheap, expected):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=3, n_batches=2, val_interval=5)
    seen = []
    trainer.saving.cheap = lambda: cheap
    trainer.saving.state = lambda state: seen.append((state['epoch'], state['batch']))
    trainer.fit()
    assert seen == expected


def test_sigterm_finishes_the_step_saves_and_leaves(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=3)
    batch = trainer.train.batch

    def terminating(epoch, index):
        if (epoch, index) == (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(epoch, index)

    trainer.train.batch = terminating
    with pytest.raises(Preempted, match=r'after batch 3 of epoch 2.*--output='):
        trainer.fit()
    state = trainer.saving.files.load()
    assert (state['epoch'], state['batch']) == (1, 3)


def test_sigterm_in_validation_leaves_at_once_and_nothing_is_lost(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=2)
    batch = trainer.val.batch

    def terminating(epoch, index):
        os.kill(os.getpid(), signal.SIGTERM)
        return batch(epoch, index)

    trainer.val.batch = terminating
    with pytest.raises(Preempted):
        trainer.fit()
    resumed = fake.make_trainer(tmp_path / 'run', epochs=2)
    resumed.restore(resumed.saving.files.load())
    resumed.fit()
    whole = fake.make_trainer(tmp_path / 'whole', epochs=2)
    whole.fit()
    fake.assert_same(fake.weights(whole), fake.weights(resumed))
    assert records(tmp_path / 'run', *KINDS) == records(tmp_path / 'whole', *KINDS)


def test_preempted_without_a_saved_state_is_an_error(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run')

    def full(state):
        raise OSError(28, 'No space left on device')

    type(trainer.saving.files).save, original = lambda self, state: full(state), type(trainer.saving.files).save
    try:
        batch = trainer.train.batch
        trainer.train.batch = lambda e, i: (os.kill(os.getpid(), signal.SIGTERM), batch(e, i))[1]
        with pytest.raises(OSError, match='No space'):
            trainer.fit()
    finally:
        type(trainer.saving.files).save = original


def test_complete_training_is_left_alone(tmp_path, caplog):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1)
    trainer.fit()
    again = fake.make_trainer(tmp_path / 'run', epochs=1)
    again.restore(again.saving.files.load())
    caplog.set_level('INFO')
    again.fit()
    assert again.train.asked == []
    assert any('1 epochs are complete. Give more --epochs' in r.message for r in caplog.records)


def test_another_number_of_batches_starts_the_epoch_over(tmp_path, caplog):
    trainer = fake.make_trainer(tmp_path / 'run', n_batches=4, interval=1e-9)
    trainer.train = KillingLoader(trainer.objective.network, at=(1, 2))
    with pytest.raises(Killed):
        trainer.fit()
    resumed = fake.make_trainer(tmp_path / 'run', n_batches=8)
    resumed.restore(resumed.saving.files.load())
    assert (resumed.epoch, resumed.batch) == (1, 0)
    assert any('4 batches an epoch, now 1 with 8: epoch 2 starts over' in r.message for r in caplog.records)


def test_complete_epoch_stays_complete_with_another_number_of_batches(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', n_batches=4)
    trainer.train = KillingLoader(trainer.objective.network, at=(1, 0))
    with pytest.raises(Killed):
        trainer.fit()
    resumed = fake.make_trainer(tmp_path / 'run', n_batches=8)
    resumed.restore(resumed.saving.files.load())
    assert (resumed.epoch, resumed.batch) == (0, 8)


def test_refining_starts_at_the_epoch_of_the_checkpoint(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=5)
    trainer.epoch = 4
    trainer.fit()
    assert trainer.train.asked == [(4, 0)]
    assert [p.name for p in tmp_path.glob('*.epoch*.safetensors')] == ['run.epoch005.safetensors']
    assert records(tmp_path / 'run', 'train')['train', 4, 3]['lr'] == 0.01  # the warm-up is long past


def poison(trainer, *places):
    """Let the targets of the Caf be so far away in these batches of the first epoch that the loss is infinite."""
    batch = trainer.train.batch

    def poisoned(epoch, index):
        made = batch(epoch, index)
        if epoch == 0 and index in places:
            made.targets[1][:, :, trainer.objective.network.metas[1].target.vector(0)] = 1e30
        return made

    trainer.train.batch = poisoned


def test_non_finite_loss_names_component_place_and_images_and_keeps_the_batch(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run')
    poison(trainer, 1)
    told = (
        r'epoch 1, batch 1, one images 100, 101: .*one\.caf\..* --replay=.*run\.nonfinite-epoch001-00001\.safetensors$'
    )
    with pytest.raises(ValueError, match=told):
        trainer.fit()
    (path,) = tmp_path.glob('*.nonfinite-*')
    again = fake.make_trainer(tmp_path / 'again')
    place, problem, layer = nonfinite.replay(path, again.objective)
    assert place == 'epoch 1, batch 1, one images 100 (none.jpg), 101 (none.jpg)'
    assert 'one.caf.vec is' in problem and layer == 'all layers give finite values'
    fake.assert_same(weights_of(trainer.objective), weights_of(again.objective))


def weights_of(objective):
    return {name: value.detach().clone() for name, value in objective.named_parameters()}


def test_ruined_weights_end_the_training_whatever_is_allowed_and_the_layer_is_named(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', skip_nonfinite=9)
    with torch.no_grad():
        trainer.objective.network.head_nets[1].conv.bias.fill_(math.inf)
    with pytest.raises(ValueError, match=r'epoch 1, batch 0, .* The weights are not finite: a step before'):
        trainer.fit()
    (path,) = tmp_path.glob('*.nonfinite-*')
    _, _, layer = nonfinite.replay(path, fake.make_trainer(tmp_path / 'again').objective)
    assert layer == 'the first layer whose output is not finite: head_nets.1.conv (Conv2d)'


def test_steps_that_may_be_left_out_change_nothing_else(tmp_path, caplog):
    """As if the batches had not been: the same weights, statistics and average as without them."""
    common = {'epochs': 1, 'stride_apply': 2, 'n_batches': 6, 'schedule': ScheduleOptions(lr=0.01, lr_warm_up_epochs=0)}
    trainer = fake.make_trainer(tmp_path / 'run', skip_nonfinite=2, **common)
    poison(trainer, 0, 1)

    class Without(fake.RandomLoader):
        def epoch(self, epoch, start=0):
            yield from (self.batch(epoch, index) for index in range(2, 6))

    trainer.fit()
    assert trainer._nonfinite.skipped == 2
    told = [record.message for record in caplog.records if 'Left out' in record.message]
    assert [text.rpartition('. ')[2] for text in told] == [f'Left out, {n} of 2 (--skip-nonfinite)' for n in (1, 2)]
    expected = fake.make_trainer(tmp_path / 'without', **{**common, 'n_batches': 4})
    expected.train = Without(expected.objective.network)
    expected.fit()
    fake.assert_same(fake.weights(expected), fake.weights(trainer))
    (epoch,) = records(tmp_path / 'run', 'train-epoch').values()
    assert math.isfinite(epoch['loss'])
    assert len(list(tmp_path.glob('*.nonfinite-*'))) == 1  # one is enough for a look


def test_one_bad_batch_spoils_its_step_only(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1, stride_apply=2, n_batches=4, skip_nonfinite=1)
    poison(trainer, 3)  # the first of its group is computed, and not applied
    trainer.fit()
    assert trainer._ema.steps == 1


def test_more_than_allowed_ends_the_training_also_after_a_resume(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', interval=1e-9, skip_nonfinite=1)
    poison(trainer, 0, 2)
    with pytest.raises(ValueError, match='epoch 1, batch 2,'):
        trainer.fit()
    again = fake.make_trainer(tmp_path / 'run', skip_nonfinite=1)
    poison(again, 2)
    again.restore(again.saving.files.load())
    assert (again.epoch, again.batch, again._nonfinite.skipped) == (0, 2, 1)
    with pytest.raises(ValueError, match='epoch 1, batch 2,'):
        again.fit()


@pytest.mark.parametrize(('allowed', 'bad'), [(0, {1}), (1, {1}), (1, {0, 1})])
def test_a_non_finite_loss_of_validation(tmp_path, allowed, bad, caplog):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1, skip_nonfinite=allowed)
    batch = trainer.val.batch

    def poisoned(epoch, index):
        made = batch(epoch, index)
        if index in bad:
            made.targets[1][:, :, trainer.objective.network.metas[1].target.vector(0)] = 1e30
        return made

    trainer.val.batch = poisoned
    if not allowed:
        with pytest.raises(ValueError, match='validation after epoch 1, batch 1, one images'):
            trainer.fit()
        return
    trainer.fit()
    assert any('validation after epoch 1, batch 1' in record.message for record in caplog.records)
    loss = records(tmp_path / 'run', 'val-epoch')['val-epoch', 1, None]['loss']
    assert loss is None if bad == {0, 1} else math.isfinite(loss)
    assert (trainer.saving.retention.best is None) is (loss is None)  # a loss of nothing would be the best one


def test_a_jump_of_the_loss_is_told(tmp_path, caplog):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=1, n_batches=25)
    batch = trainer.train.batch

    def jumping(epoch, index):
        trainer.objective.loss.lambdas.fill_(1000.0 if index == 23 else 1.0)
        return batch(epoch, index)

    trainer.train.batch = jumping
    trainer.fit()
    (told,) = [record.message for record in caplog.records if 'the loss jumps' in record.message]
    assert 'at epoch 1, batch 23 (one)' in told


def test_retention_and_the_best_one(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=5, keep_checkpoints='last:1,every:2')
    trainer.fit()
    left = sorted(path.name for path in tmp_path.glob('*.epoch*'))
    assert left == [f'run.epoch00{epoch}.safetensors' for epoch in (2, 4, 5)]
    validation = {k[1]: v['loss'] for k, v in records(tmp_path / 'run', 'val-epoch').items()}
    assert trainer.saving.retention.losses == pytest.approx(validation)
    assert checkpoint.load(tmp_path / 'run.best.safetensors').epoch == min(validation, key=validation.get)
    state = trainer.saving.files.load()['validation']
    assert state == {'losses': trainer.saving.retention.losses, 'best': min(validation, key=validation.get)}


def test_a_lost_checkpoint_does_not_end_the_training_but_is_told_at_the_end(tmp_path):
    trainer = fake.make_trainer(tmp_path / 'run', epochs=2)
    write = trainer.saving._write_checkpoint

    def failing(epoch):
        if epoch > 0:
            raise OSError(28, 'No space left on device')
        return write(epoch)

    trainer.saving._write_checkpoint = failing
    with pytest.raises(OSError, match='No space'):
        trainer.fit()
    assert records(tmp_path / 'run', 'val-epoch').keys() == {('val-epoch', 1, None), ('val-epoch', 2, None)}


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ({'epochs': 0}, '--epochs'),
        ({'stride_apply': 0}, '--stride-apply'),
        ({'val_interval': 0}, '--val-interval'),
        ({'train_batches': 0}, '--train-batches'),
        ({'clip_grad_norm': -1.0}, '--clip-grad-norm'),
        ({'recalibrate_batch_norm': -1}, '--recalibrate-batch-norm'),
        ({'ema': 1.5}, '--ema'),
        ({'skip_nonfinite': -1}, '--skip-nonfinite'),
        ({'keep_checkpoints': 'last'}, '--keep-checkpoints'),
    ],
)
def test_bad_options(options, named):
    with pytest.raises(ValueError, match=named):
        TrainerOptions(**options)
