"""Each component's command line is understood by its program, and each program's flags are used by its component."""

import importlib
import json
import re

import pytest

from pifpaf_core import command

STAGES = ['prepare_dataset', 'train', 'launcher', 'watch_evaluate', 'testdev_submit_zip', 'predict', 'finish']
OF_THE_PROGRAM_ALONE = {
    'prepare_dataset': {'work-dir'},
    'train': {'work-dir', 'poll', 'heartbeat-interval'},
    'launcher': {
        'work-dir',
        'poll',
        'heartbeat-interval',
        'namespace',
        'runtime',
        'service-account',
        'watch-interval',
        'patience',
    },
    'watch_evaluate': {'work-dir', 'poll', 'lost-after', 'claim-expires'},
    'testdev_submit_zip': {'work-dir'},
    'predict': {'work-dir', 'n-images'},
    'finish': {'work-dir'},
}
VALUES = {'STRING': 'text', 'NUMBER_INTEGER': '7', 'NUMBER_DOUBLE': '0.5', 'STRUCT': '{"a": 1}', 'LIST': '[{"a": 1}]'}
SPECIAL = {'cpu': '2', 'memory': '4Gi', 'operator': 'trainjob', 'node_selector': '{"pool": "gpu"}'}


def container(stage):
    component = getattr(importlib.import_module(f'components.{stage}.component'), stage)
    return component, component.component_spec.implementation.container


def parameters(stage):
    """{parameter: KFP type} of the component's inputs."""
    component, _ = container(stage)
    inputs = component.component_spec.to_pipeline_spec().root.input_definitions.parameters
    types = type(next(iter(inputs.values()))).DESCRIPTOR.fields_by_name['parameter_type'].enum_type.values_by_number
    return {name: types[value.parameter_type].name for name, value in inputs.items()}


def argv(stage):
    """The component's arguments with values in place of KFP's placeholders."""
    _, spec = container(stage)
    kinds = parameters(stage)

    def fill(argument):
        match = re.fullmatch(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}", argument)
        if match:
            return SPECIAL.get(match[1]) or VALUES.get(kinds[match[1]], '{"state": "FAILED"}')
        values = {'job_name': 'my run', 'job_uuid': '3f1c2d4e-0000-4000-8000-000000000000'}
        filled = re.sub(r'\{\{\$\.pipeline_(\w+)\}\}', lambda match: values[match[1]], argument)
        return {'{{$}}': '{"outputs": {}}'}.get(argument, filled)

    return [fill(str(argument)) for argument in spec.args]


@pytest.mark.parametrize('stage', STAGES)
def test_the_program_understands_its_component(stage, capsys):
    program = importlib.import_module(f'components.{stage}.__main__')
    assert program.main([*argv(stage), '--dry-run']) == 0
    resolved = json.loads(capsys.readouterr().out)
    assert resolved['run-root'] == 'text'
    parser = command.build_parser(program.COMMAND)
    assert program.COMMAND.configure(parser.parse_args(argv(stage))).run_name == 'my-run-3f1c2d4e'


@pytest.mark.parametrize('stage', STAGES)
def test_the_component_offers_what_the_program_has(stage):
    program = importlib.import_module(f'components.{stage}.__main__')
    flags = {flag for flag in argv(stage) if flag.startswith('--')}
    parser = command.build_parser(program.COMMAND)
    common = {'help', 'version', 'dry-run', 'options', 'quiet', 'debug'}
    known = {action.option_strings[-1].lstrip('-') for action in parser._actions if action.option_strings} - common
    assert {flag.removeprefix('--') for flag in flags} == known - OF_THE_PROGRAM_ALONE[stage]


@pytest.mark.parametrize('stage', STAGES)
def test_defaults_agree(stage):
    program = importlib.import_module(f'components.{stage}.__main__')
    component, _ = container(stage)
    parser = command.build_parser(program.COMMAND)
    defaults = {flag: action.default for action in parser._actions for flag in action.option_strings}
    for name, given in (component.component_spec.inputs or {}).items():
        if given.optional and given.type in ('String', 'Integer', 'Float'):
            assert defaults[f'--{name.replace("_", "-")}'] == given.default, name


@pytest.mark.parametrize('stage', STAGES)
def test_the_program_reports_exactly_the_components_outputs(stage, repository):
    component, _ = container(stage)
    source = (repository / 'components' / stage / '__main__.py').read_text()
    reported = set(re.findall(r"executor\.(?:reference|metadata|write|parameter)\(\s*'(\w+)'", source))
    assert reported == set(component.component_spec.outputs or {})


@pytest.mark.parametrize('stage', STAGES)
def test_the_program_is_a_module_of_the_image(stage):
    _, spec = container(stage)
    assert list(spec.command) == ['python3', '-m', f'components.{stage}']
    assert spec.image.endswith(':latest')


@pytest.mark.parametrize('stage', STAGES)
def test_every_input_and_output_is_described(stage):
    component, _ = container(stage)
    spec = component.component_spec
    described = component.__doc__ or spec.description
    assert described
    assert all(given.description for given in (spec.inputs or {}).values())


@pytest.mark.parametrize('stage', STAGES)
def test_a_readme_says_how_to_run_it_by_hand(stage, repository):
    text = (repository / 'components' / stage / 'README.md').read_text()
    assert f'python -m components.{stage}' in text
    for name in parameters(stage):
        assert name in text or name.replace('_', '-') in text, name


@pytest.mark.parametrize(
    ('stage', 'arguments', 'message'),
    [
        ('train', [], 'the run is not named. Give --run-root'),
        ('train', ['--run-root', 'ftp://x', '--run-id', 'r'], 'is no place to store anything'),
        ('train', ['--run-root', 'x', '--run-id', '..'], 'the run is not named'),
        ('train', ['--run-root', 'x', '--run-id', 'r'], 'no data set is given. Add --dataset-uri'),
        ('watch_evaluate', ['--run-root', 'x', '--run-id', 'r'], 'no data set is given. Add --dataset-uri'),
        ('predict', ['--run-root', 'x', '--run-id', 'r'], 'Add --dataset-uri and --checkpoint-uri'),
        ('finish', ['--run-root', 'x', '--run-id', 'r', '--status', '[]'], 'is no JSON object'),
        ('prepare_dataset', ['--run-root', 'x', '--run-id', 'r', '--prepare-options', '{'], 'cannot be used'),
    ],
)
def test_usage_errors_are_one_line_with_a_remedy(stage, arguments, message, capsys):
    program = importlib.import_module(f'components.{stage}.__main__')
    assert program.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f'pifpaf components.{stage}: ')
    assert message in error
    assert error.count('\n') == 1
