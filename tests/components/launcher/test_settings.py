"""The launcher's options: names of jobs, what the pods run, what is refused."""

import re

import pytest

from components.launcher.settings import LauncherOptions
from components.train import __main__ as train
from pifpaf_core import command


def test_the_name_of_the_job_belongs_to_the_run(options):
    name = options(run_id='Zürich, 1st try!-3f1c2d4e-0000-4000-8000-000000000000').job_name
    assert name.startswith('z-rich-1st-try-3f1c2d4e-')
    assert name == options(run_id='Zürich, 1st try!-3f1c2d4e-0000-4000-8000-000000000000').job_name
    assert name != options(run_id='Zürich, 1st try!-3f1c2d4f-0000-4000-8000-000000000000').job_name
    assert (
        name != options(run_root='elsewhere', run_id='Zürich, 1st try!-3f1c2d4e-0000-4000-8000-000000000000').job_name
    )


@pytest.mark.parametrize('run_id', ['x', '1', '..a', 'a' * 200, '2026-11-22', 'é', '-a-' * 40])
def test_every_name_is_one_for_kubernetes(options, run_id):
    name = options(run_id=f'r{run_id}' if run_id in ('é', '..a') else run_id).job_name
    assert re.fullmatch(r'[a-z]([a-z0-9-]*[a-z0-9])?', name) and len(name) <= 40


def test_the_pods_run_the_train_stage_with_the_same_options(options):
    asked = options(epochs=7, lr=0.01, train_options='{"adam": true}', gpus=4, executor_input='{"outputs": {}}')
    program, *arguments = asked.training_command()
    assert [program, *arguments[:2]] == ['python3', '-m', 'components.train']
    parser = command.build_parser(train.COMMAND)
    understood = train.COMMAND.configure(parser.parse_args(arguments[2:]))
    assert (understood.epochs, understood.lr, understood.gpus, understood.train_options) == (
        7,
        0.01,
        4,
        '{"adam": true}',
    )
    assert (understood.run_name, understood.executor_input) == ('my-run', '')


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'image': ''}, 'the image of the training pods is not named. Add --image'),
        ({'nodes': 0}, '--nodes 0 is too little'),
        ({'memory': '24 Gigs'}, "--memory '24 Gigs' is no quantity"),
        ({'node_selector': '{"gpu": 1}'}, 'is no set of labels. Give a JSON object'),
        ({'node_selector': '{'}, 'is no set of labels'),
        ({'tolerations': '["spot"]'}, 'are none. Give a JSON list'),
        ({'dataset_uri': ''}, 'no data set is given'),
    ],
)
def test_what_cannot_be_is_refused(options, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        options(**values)


def test_a_single_toleration_needs_no_brackets(options):
    one = '{"key": "spot", "operator": "Exists"}'
    assert options(tolerations=one).tolerated() == options(tolerations=f'[{one}]').tolerated()


def test_options_are_those_of_the_train_stage_and_more():
    assert issubclass(LauncherOptions, train.TrainOptions)
