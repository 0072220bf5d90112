"""``docs/cluster.md`` and the CI workflow: the tests that they name exist, and their commands are understood."""

import ast
import importlib
import re
import shlex

import pytest
import yaml
from test_docs import FENCE, commands, without_comments

DRILLS = ('preempted', 'terminated', 'node lost', 'MLflow gone', 'S3 throttled', 'image missing', 'quota exceeded')


@pytest.fixture(scope='module')
def page(repository):
    return (repository / 'docs/cluster.md').read_text()


@pytest.fixture(scope='module')
def workflow(repository):
    return yaml.safe_load((repository / 'examples/ci/train-on-cluster.yaml').read_text())


def rows(page):
    table = page.partition('## When something fails')[2]
    return [
        line.strip('|').split(' | ') for line in table.splitlines() if line.startswith('| ') and '| drill |' not in line
    ]


def test_every_drill_is_there_and_names_tests_that_exist(page, repository):
    found = rows(page)
    assert all(any(drill in row[0] for row in found) for drill in DRILLS)
    for row in found:
        named = re.findall(r'`(tests/[\w/]+\.py)::(\w+)`', row[-1])
        assert named, row[0]
        for path, name in named:
            tree = ast.parse((repository / path).read_text())
            functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert name in functions, f'{path}::{name}'


def ours(words):
    """The module and arguments of a command of ours that has a dry run."""
    if words[:2] == ['python', '-m'] and words[2].startswith('pipelines.') and words[2] != 'pipelines.compile':
        return words[2], words[3:]
    return None


def understood(module, arguments, capsys):
    assert importlib.import_module(module).main([*arguments, '--dry-run']) == 0
    assert capsys.readouterr().out.startswith('{')


def test_the_commands_of_the_page_are_understood(page, capsys):
    texts = [text for language, text in FENCE.findall(page) if language == 'sh']
    found = [line for text in texts for words in commands(without_comments(text)) if (line := ours(words))]
    assert {module for module, _ in found} >= {
        'pipelines.submit',
        'pipelines.doctor',
        'pipelines.images',
        'pipelines.fetch',
    }
    for module, arguments in found:
        understood(module, arguments, capsys)


def test_the_commands_of_the_workflow_are_understood(workflow, capsys):
    (job,) = workflow['jobs'].values()
    values = {
        'OPTIONS': '{}',
        'EPOCHS': '2',
        'PIPELINE': 'pose_training',
        'RUN_ROOT': 's3://b/r',
        'FOLDER': 's3://b/r/x',
    }
    seen = []
    for step in job['steps']:
        script = step.get('run', '').replace('\\\n', ' ')
        script = re.sub(r'"\$(\w+)"', lambda match: shlex.quote(values.get(match[1], 'text')), script)
        for line in re.findall(r'^python -m .*', script, re.MULTILINE):
            if found := ours(shlex.split(re.split(r' [|>] ', line)[0])):
                seen.append(found[0])
                understood(*found, capsys)
    assert seen == ['pipelines.doctor', *['pipelines.images'] * 2, 'pipelines.submit', *['pipelines.fetch'] * 2]


def test_the_workflow_asks_for_what_its_head_names(workflow, repository):
    head, _, rest = (repository / 'examples/ci/train-on-cluster.yaml').read_text().partition('\nname:')
    used = set(re.findall(r'(?:vars|secrets)\.(\w+)', rest))
    assert used == set(re.findall(r'\b([A-Z][A-Z0-9_]{3,})\b', head))
    assert workflow[True]['workflow_dispatch']['inputs']['pipeline']['options'] == [
        'pose_training',
        'pose_training_multinode',
    ]
