"""A tag becomes a wheel of that version, which predicts in an environment of its own."""

import os
import re
import subprocess
import sys
import sysconfig

import pytest

yaml = pytest.importorskip('yaml')


@pytest.fixture(scope='session')
def workflow(repository):
    return yaml.safe_load((repository / '.github/workflows/release.yml').read_text())


def steps(workflow, job):
    return [step.get('run', step.get('uses', '')) for step in workflow['jobs'][job]['steps']]


def test_only_what_is_checked_and_tried_is_published(workflow):
    build = steps(workflow, 'build')
    order = [next(i for i, step in enumerate(build) if step.startswith(part)) for part in (
        '.ci/run', '.venv/bin/python -m build', 'test -f', '.ci/try_wheel', 'actions/upload-artifact')]  # fmt: skip
    assert order == sorted(order)
    assert workflow['jobs']['publish']['needs'] == 'build'
    assert workflow[True] == {'push': {'tags': ['v[0-9]*']}}  # YAML 1.1 reads the key `on` as true


def test_the_release_has_no_password(workflow, repository):
    assert workflow['permissions'] == {'contents': 'read'}
    assert 'secrets.' not in (repository / '.github/workflows/release.yml').read_text()


def test_what_the_release_runs_is_there(workflow, repository):
    ours = [re.match(r'\.ci/\w+', step) for step in steps(workflow, 'build')]
    programs = [repository / match[0] for match in ours if match]
    assert len(programs) == 2
    for program in programs:
        assert os.access(program, os.X_OK)
        subprocess.run(['bash', '-n', str(program)], check=True, timeout=60)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_the_wheel_of_a_tag_predicts(repository, tmp_path):
    clone, environment = tmp_path / 'clone', dict(os.environ)
    environment.pop('PIFPAF_VERSION', None)
    run = {'check': True, 'env': environment, 'timeout': 900}
    subprocess.run(['git', 'clone', '--quiet', str(repository), str(clone)], **run)
    subprocess.run(['git', 'tag', 'v7.8.9'], cwd=clone, **run)
    subprocess.run([sys.executable, '-m', 'build', '--wheel', '--outdir', str(tmp_path)], cwd=clone, **run)
    (wheel,) = tmp_path.glob('*.whl')
    assert wheel.name == 'pifpaf_core-7.8.9-py3-none-any.whl'
    environment['PYTHON'] = sys.executable
    program = [str(clone / '.ci/try_wheel'), str(wheel), sysconfig.get_path('purelib')]
    done = subprocess.run(program, capture_output=True, text=True, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == 'pifpaf-core 7.8.9'
    assert done.stdout.splitlines()[-1] == 'the wheel works'
