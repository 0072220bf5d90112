"""The table of faults in docs/reliability.md: each fault of the campaign is in it, with tests that exist."""

import ast
import re

import pytest

FAULTS = (
    *('trainer killed', 'supervisor killed', 'evaluator killed', 'launcher killed', 'S3 down', 'S3 slow'),
    *('S3 throttles', 'S3 tells wrong', 'MLflow down', 'MLflow slow or failing', 'disk full', '/dev/shm too small'),
    *('clock skew', 'two trainers, one output'),
)


@pytest.fixture(scope='module')
def table(repository):
    """{fault: its row}."""
    text = (repository / 'docs/reliability.md').read_text().partition('\n## Faults\n')[2].partition('\n## ')[0]
    rows = [line.strip('|').split(' | ') for line in text.splitlines() if line.startswith('| ')]
    return {row[0].strip(): row for row in rows[1:]}


def test_every_fault_is_there_with_all_that_is_to_be_said(table):
    assert set(FAULTS) <= set(table)
    assert {len(row) for row in table.values()} == {5}


@pytest.mark.parametrize('fault', FAULTS)
def test_its_tests_exist(table, repository, fault):
    named = re.findall(r'`(tests/[\w/]+\.py)::(\w+)`', table[fault][-1])
    assert named
    for path, name in named:
        tree = ast.parse((repository / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f'{path}::{name}'
