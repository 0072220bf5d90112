"""examples/slurm under a real Slurm with two tasks on the CPU: trained, preempted, put back, continued, evaluated."""

import json
import subprocess
import sys
import time

import one_machine_slurm as slurm
import pytest
import torch

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing() or '-'),
]

ANYWHERE = ['--gres=none', '--mem=0', '--cpus-per-task=1']
CONTAINER = """#!/bin/bash
# stands for Apptainer: exec --nv --bind FOLDER IMAGE PROGRAM...
[ "$1 $2 $3 $5" = "exec --nv --bind image.sif" ] || exit 9
echo "in $5" && shift 5 && exec "{prefix}/bin/$@"
"""


@pytest.fixture(scope='module')
def cluster(tmp_path_factory):
    with slurm.running(tmp_path_factory.mktemp('slurm')) as environment:
        yield {**environment, 'PIFPAF_VENV': sys.prefix, 'OMP_NUM_THREADS': '1'}


def data(repository):
    annotations = repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json'
    images = repository / 'examples/coco-eight/images/val2017'
    return [
        '--dataset=cocokp', '--loader-workers=0', '--disable-cuda', f'--cocokp-val-annotations={annotations}',
        f'--cocokp-val-image-dir={images}',
    ], [f'--cocokp-train-annotations={annotations}', f'--cocokp-train-image-dir={images}']  # fmt: skip


def run(environment, folder, *argv):
    done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until(environment, folder, job, condition, seconds=700):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        facts = dict(
            word.partition('=')[::2] for word in run(environment, folder, 'scontrol', 'show', 'job', job).split()
        )
        if condition(facts):
            return facts
        time.sleep(0.2)
    raise AssertionError(f'{facts["JobState"]}: ' + output(folder, job))


def output(folder, job):
    path = folder / f'slurm-{job}.out'
    return path.read_text() if path.exists() else ''


def ended(facts):
    return facts['JobState'] in ('COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT')


def test_a_preempted_job_of_two_tasks_is_put_back_and_continues(cluster, repository, tmp_path):
    common, training = data(repository)
    script = str(repository / 'examples/slurm/train.sh')
    flags = [
        *common,
        *training,
        '--basenet=tiny',
        '--cocokp-square-edge=49',
        '--batch-size=2',
        '--epochs=30',
        '--log-interval=1',
    ]
    job = run(cluster, tmp_path, 'sbatch', '--parsable', '--job-name=first', '--ntasks=2', *ANYWHERE, script, *flags)
    log = tmp_path / 'outputs' / 'first.log'
    wait_until(cluster, tmp_path, job, lambda facts: ended(facts) or (log.exists() and '"train",' in log.read_text()))
    run(cluster, tmp_path, 'scancel', '--signal=TERM', job)  # to the tasks, as --signal and preemption do
    facts = wait_until(cluster, tmp_path, job, ended)
    said = output(tmp_path, job)
    assert (facts['JobState'], facts['Restarts'], facts['ExitCode']) == ('COMPLETED', '1', '0:0'), said
    assert said.count('process 0 of 2 on cpu') == 2
    assert 'preempted after batch' in said and 'continuing outputs/first after epoch' in said
    state = torch.load(tmp_path / 'outputs' / 'first.state.pt', weights_only=True)
    assert (state['world_size'], state['epoch']) == (2, 30)
    epochs = [r['epoch'] for r in map(json.loads, log.read_text().splitlines()) if r.get('type') == 'train-epoch']
    assert sorted(set(epochs)) == list(range(1, 31))

    home = tmp_path / 'home'
    home.mkdir()
    (home / 'apptainer').write_text(CONTAINER.format(prefix=sys.prefix))
    (home / 'apptainer').chmod(0o755)
    (home / '.bash_profile').write_text(f'PATH={home}:$PATH\n')
    inside = {**cluster, 'HOME': str(home), 'PIFPAF_IMAGE': 'image.sif'}
    arguments = ['--checkpoint=outputs/first.epoch030.safetensors', '--long-edge=129', '--eval-n-images=1', *common]
    script = str(repository / 'examples/slurm/eval.sh')
    job = run(inside, tmp_path, 'sbatch', '--parsable', *ANYWHERE, script, *arguments)
    facts = wait_until(inside, tmp_path, job, ended)
    assert facts['JobState'] == 'COMPLETED' and 'in image.sif' in output(tmp_path, job), output(tmp_path, job)
    assert (tmp_path / 'outputs' / 'first.epoch030.safetensors.eval-cocokp.stats.json').exists()


def test_a_wrong_command_fails_and_is_not_put_back(cluster, repository, tmp_path):
    script = str(repository / 'examples/slurm/train.sh')
    job = run(cluster, tmp_path, 'sbatch', '--parsable', '--job-name=wrong', *ANYWHERE, script, '--dataset=cocokp')
    facts = wait_until(cluster, tmp_path, job, ended)
    assert (facts['JobState'], facts['ExitCode'], facts['Restarts']) == ('FAILED', '2:0', '0')
    assert 'Add --epochs' in output(tmp_path, job)
