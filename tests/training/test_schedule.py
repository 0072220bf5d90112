import numpy as np
import pytest

from pifpaf_core.training.schedule import ScheduleOptions, learning_rate, multiplier

# The options of the reference, in units of batches (reference/README.md, schedule_preprocess.npz).
REFERENCE = ScheduleOptions(
    lr_decay=(3000, 3200),
    lr_decay_factor=0.1,
    lr_decay_epochs=100,
    lr_warm_up_start_epoch=5,
    lr_warm_up_epochs=10,
    lr_warm_up_factor=0.001,
    lr_warm_restarts=(200,),
    lr_warm_restart_duration=5,
)


def test_golden(repository):
    golden = np.load(repository / 'tests' / 'golden' / 'schedule.npz')
    ours = [multiplier(REFERENCE, int(step), batches_per_epoch=1) for step in golden['steps']]
    np.testing.assert_allclose(ours, golden['multiplier'], rtol=1e-12)


def test_whole_reference_curve(shared):
    reference = np.load(shared / 'reference' / 'schedule_preprocess.npz')
    ours = [multiplier(REFERENCE, int(step), batches_per_epoch=1) for step in reference['lr_steps']]
    np.testing.assert_allclose(ours, reference['lr'], rtol=1e-12)


@pytest.mark.parametrize('batches', [1, 7, 100])
def test_epochs_are_counted_in_batches(batches):
    options = ScheduleOptions(lr=0.5, lr_warm_up_epochs=2, lr_warm_up_factor=0.01, lr_decay=(10,), lr_decay_epochs=4)
    assert learning_rate(options, 0, batches_per_epoch=batches) == pytest.approx(0.5 * 0.01)
    assert learning_rate(options, batches, batches_per_epoch=batches) == pytest.approx(0.5 * 0.1)
    assert learning_rate(options, 2 * batches, batches_per_epoch=batches) == 0.5
    assert learning_rate(options, 12 * batches, batches_per_epoch=batches) == pytest.approx(0.5 * 0.1**0.5)
    assert learning_rate(options, 99 * batches, batches_per_epoch=batches) == pytest.approx(0.05)


def test_each_decay_multiplies_by_the_factor():
    options = ScheduleOptions(lr_warm_up_epochs=0, lr_decay=(1, 2), lr_decay_factor=0.5, lr_decay_epochs=0)
    values = [multiplier(options, step, batches_per_epoch=2) for step in range(6)]
    assert values == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_warm_restart_begins_with_the_full_rate_and_returns():
    options = ScheduleOptions(
        lr_warm_up_epochs=0, lr_decay=(0,), lr_decay_epochs=0, lr_warm_restarts=(10,), lr_warm_restart_duration=4
    )
    values = [multiplier(options, step, batches_per_epoch=1) for step in (9, 10, 12, 14)]
    assert values == pytest.approx([0.1, 1.0, 0.1**0.5, 0.1])


def test_before_the_warm_up_the_rate_is_low():
    options = ScheduleOptions(lr_warm_up_start_epoch=250, lr_warm_up_epochs=1, lr_warm_up_factor=0.001)
    assert multiplier(options, 249, batches_per_epoch=1) == 0.001
    assert multiplier(options, 251, batches_per_epoch=1) == 1.0


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ({'lr': 0.0}, '--lr='),
        ({'lr_decay_factor': -0.1}, '--lr-decay-factor'),
        ({'lr_warm_up_factor': 0.0}, '--lr-warm-up-factor'),
        ({'lr_decay_epochs': -1.0}, '--lr-decay-epochs'),
        ({'lr_warm_up_epochs': -1.0}, '--lr-warm-up-epochs'),
        ({'lr_warm_restart_duration': -1.0}, '--lr-warm-restart-duration'),
    ],
)
def test_bad_options(options, named):
    with pytest.raises(ValueError, match=named):
        ScheduleOptions(**options)
