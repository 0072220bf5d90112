"""Following a job to its end: what is said, and with which code it ends."""

import logging
import time

import pytest
from fake_kubernetes import Fault, condition, pod

from components.launcher import cluster as cluster_module
from components.launcher.cluster import Unavailable
from components.launcher.follow import End, follow
from components.launcher.jobs import PYTORCHJOB, TRAINJOB
from components.launcher.lifecycle import begin
from components.launcher.node_log import NodeLog
from components.launcher.states import PodStates, describe
from components.runtime.run_folder import SUCCEEDED


@pytest.fixture
def following(kubernetes, cluster, options):
    """``following({2: complete})``: follow a job that comes to these states at these looks; the end."""

    def run(script, **values):
        asked = options(**values)
        job = begin(cluster, TRAINJOB, asked)

        def step(fake, looks):
            if looks - first in script:
                script[looks - first](fake)

        first, kubernetes.on_look = kubernetes.n_looks, step
        return follow(cluster, TRAINJOB, job, asked)

    return run


def becomes(*status):
    """A step of a script: the job has this condition."""

    def step(fake):
        (job,) = fake.jobs().values()
        job['status'] = condition(*status)

    return step


def gone(fake):
    for path in [path for path in fake.objects if '/trainjobs/' in path]:
        del fake.objects[path]


@pytest.mark.parametrize(
    ('status', 'code', 'said'),
    [
        (('Complete', 'AllJobsCompleted'), 0, ''),
        (
            ('Failed', 'JobSetFailed', 'too many restarts'),
            1,
            'failed: JobSetFailed: too many restarts. What was committed',
        ),
        (('Failed', 'DeadlineExceeded', 'too long'), 124, 'DeadlineExceeded'),
    ],
)
def test_the_exit_code_is_that_of_the_job(following, status, code, said):
    end = following({3: becomes(*status)})
    assert end.code == code
    assert said in end.problem


def test_an_api_server_that_comes_and_goes_changes_nothing(following, kubernetes, caplog):
    kubernetes.faults = [Fault('GET', '/pods$', status, times=2) for status in (503, 429, 0)]
    caplog.set_level(logging.WARNING)
    assert following({9: becomes('Complete')}) == End(0)
    assert len([line for line in caplog.messages if 'The training goes on; trying again' in line]) == 1


def test_a_slow_api_server_changes_nothing(following, kubernetes, monkeypatch):
    monkeypatch.setattr(cluster_module, '_TIMEOUT', (1.0, 0.2))
    kubernetes.faults = [Fault('GET', '/pods$', 200, delay=0.5)]
    assert following({4: becomes('Complete')}) == End(0)


def test_an_api_server_that_stays_away_ends_the_step_and_not_the_job(following, kubernetes):
    away = Fault('GET', 'trainjobs/', 503, times=10**6)
    with pytest.raises(Unavailable, match='503'):
        following({2: lambda fake: fake.faults.append(away)}, patience=0.3)
    assert len(kubernetes.jobs()) == 1 and kubernetes.said('DELETE') == []


def test_a_job_that_somebody_deletes_is_a_failure_with_a_remedy(following):
    end = following({3: gone})
    assert end.code == 1
    assert 'was deleted by somebody else. Run the step again: it continues' in end.problem


def test_a_job_that_is_swept_away_after_its_success_is_none(following, options):
    def done_and_gone(fake):
        options().run.end(SUCCEEDED)
        gone(fake)

    assert following({3: done_and_gone}) == End(0)


def test_a_job_that_another_replaced_is_not_ours(following):
    def replaced(fake):
        (job,) = fake.jobs().values()
        job['metadata'] = {**job['metadata'], 'uid': 'another'}

    assert 'deleted by somebody else' in following({3: replaced}).problem


def test_a_pod_that_cannot_start_ends_the_training_in_time(following, kubernetes, options):
    waiting = {'reason': 'ImagePullBackOff', 'message': 'Back-off pulling image "registry/train:1"'}
    state = {'containerStatuses': [{'state': {'waiting': waiting}}]}
    kubernetes.pods = [pod('p-0', 'Pending', job=options().job_name, **state)]
    end = following({}, patience=0.3)
    assert end == End(1, 'pods cannot start: p-0: ImagePullBackOff. Check --image, secrets and config of the pods')
    assert kubernetes.jobs() == {}


def test_the_queue_is_said(following, caplog):
    caplog.set_level(logging.INFO)

    def admitted(fake):
        (job,) = fake.jobs().values()
        job['spec']['suspend'] = False

    following({3: admitted, 6: becomes('Complete')}, queue='gpu')
    states = [line.rpartition('waits for its queue')[1] or line.rpartition('is started')[1] for line in caplog.messages]
    assert [state for state in states if state] == ['waits for its queue', 'is started']


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


LINES = [(f'2026-11-22T00:00:{second:02d}.000000000Z', f'epoch {second}') for second in range(6)]


def test_the_log_of_node_0_is_shown(following, kubernetes, options, capsys):
    name = options().job_name
    kubernetes.pods = [pod('p-1', index=1, job=name), pod('p-0', job=name)]
    kubernetes.logs = {'p-0': LINES, 'p-1': [(LINES[0][0], 'the other')]}
    following({5: becomes('Complete')})
    assert capsys.readouterr().out.splitlines() == [text for _, text in LINES]


def test_the_pods_of_a_pytorchjob_are_followed_by_its_labels(kubernetes, cluster, options, capsys, caplog):
    caplog.set_level(logging.INFO)
    name = options().job_name
    kubernetes.pods = [pod('p-master-0'), pod('p-worker-0'), pod('of-another')]
    for found, role, job in zip(kubernetes.pods, ('master', 'worker', 'master'), (name, name, 'another'), strict=True):
        labels = {'training.kubeflow.org/job-name': job, 'training.kubeflow.org/replica-type': role}
        found['metadata']['labels'] = labels
    kubernetes.logs = {'p-master-0': LINES, 'p-worker-0': [(LINES[0][0], 'w')], 'of-another': [(LINES[0][0], 'o')]}
    job = begin(cluster, PYTORCHJOB, options())
    kubernetes.on_look = lambda fake, looks: becomes('Succeeded')(fake) if looks > 4 else None
    assert follow(cluster, PYTORCHJOB, job, options()) == End(0)
    assert capsys.readouterr().out.splitlines() == [text for _, text in LINES]
    assert f'kubectl -n team logs -f --prefix -l training.kubeflow.org/job-name={name}' in caplog.text
    assert 'of-another' not in caplog.text


def test_of_a_restarted_node_0_the_new_pod_is_shown(following, kubernetes, options, capsys):
    name = options().job_name
    kubernetes.pods = [pod('p-new', job=name), pod('p-old', 'Failed', job=name), pod('p-next', 'Pending', job=name)]
    for number, found in enumerate(kubernetes.pods):
        found['metadata']['creationTimestamp'] = f'2026-11-22T00:0{(2, 1, 3)[number]}:00Z'
    kubernetes.logs = {'p-new': LINES, 'p-old': [(LINES[0][0], 'old')]}
    following({5: becomes('Complete')})
    assert capsys.readouterr().out.splitlines() == [text for _, text in LINES]


def test_a_log_that_breaks_goes_on_where_it_broke(kubernetes, cluster):
    shown = []
    broken = [*LINES[:2], ConnectionError(), *LINES[2:4], ConnectionError(), *LINES[4:]]
    kubernetes.logs = {'p-0': broken}
    kubernetes.faults = [Fault('GET', '/log$', 500), Fault('GET', '/log$', 0)]
    with NodeLog(cluster, show=shown.append, pause=0.05) as log:
        log.follow('p-0')
        wait_until(lambda: len(shown) == len(LINES))
    assert shown == [text for _, text in LINES]


def test_the_log_of_a_restarted_pod_is_shown_too(kubernetes, cluster):
    shown = []
    kubernetes.logs = {'p-0': LINES[:2], 'q-0': [(LINES[0][0], 'again')]}
    with NodeLog(cluster, show=shown.append, pause=0.05) as log:
        log.follow('p-0')
        wait_until(lambda: len(shown) == 2)
        log.follow('q-0')
    assert shown == ['epoch 0', 'epoch 1', 'again']


def test_a_failed_pod_is_told_once_with_its_last_lines(kubernetes, cluster):
    ended = {'terminated': {'exitCode': 137, 'reason': 'OOMKilled'}}
    kubernetes.pods = [pod('p-0', 'Failed', job='j', containerStatuses=[{'state': ended}])]
    kubernetes.logs = {'p-0': [(LINES[0][0], f'line {number}') for number in range(100)]}
    said = []
    states = PodStates(cluster, 'jobset.sigs.k8s.io/jobset-name=j', 'j', say=said.append)
    states.look()
    states.look()
    assert said[0] == 'p-0: failed: OOMKilled: exit code 137'
    assert said[1].splitlines()[1:-1] == [f'line {number}' for number in range(70, 100)]
    assert len(said) == 2


def test_warnings_that_no_pod_can_tell_are_told(kubernetes, cluster):
    about = {'kind': 'Job', 'name': 'j-node-0'}
    message = 'Error creating: pods "j-node-0-0" is forbidden: exceeded quota: gpus'
    kubernetes.events = [{'type': 'Warning', 'reason': 'FailedCreate', 'involvedObject': about, 'message': message}] * 2
    said = []
    PodStates(cluster, 'a=b', 'j', say=said.append).look()
    assert said == [f'Job j-node-0: FailedCreate: {message}']


UNSCHEDULED = {'type': 'PodScheduled', 'status': 'False', 'reason': 'Unschedulable', 'message': '0/5 nodes: no GPU'}
DISRUPTED = {'type': 'DisruptionTarget', 'status': 'True', 'reason': 'TerminationByKubelet', 'message': 'shutdown'}
CREATING = {'state': {'waiting': {'reason': 'ContainerCreating'}}}


def ended(code):
    return {'terminated': {'exitCode': code, 'reason': 'Error'}}


@pytest.mark.parametrize(
    ('phase', 'status', 'text'),
    [
        ('Running', {}, 'running on machine-1'),
        ('Pending', {'conditions': [UNSCHEDULED]}, 'waiting: Unschedulable: 0/5 nodes: no GPU'),
        ('Pending', {'containerStatuses': [CREATING]}, 'pending on machine-1'),
        ('Failed', {'reason': 'Evicted', 'message': 'low on memory'}, 'failed: Evicted: low on memory'),
        ('Failed', {}, 'failed: no reason given'),
        (
            'Failed',
            {'conditions': [DISRUPTED], 'containerStatuses': [{'state': ended(75)}]},
            'failed: TerminationByKubelet: shutdown; Error: exit code 75 (preempted, state saved)',
        ),
        (
            'Running',
            {'containerStatuses': [{'restartCount': 2, 'lastState': ended(1)}]},
            'running, restarted 2 times: Error: exit code 1',
        ),
    ],
)
def test_states_in_words(phase, status, text):
    assert describe(pod('p', phase, **status)) == text
