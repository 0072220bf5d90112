"""Created once, adopted, begun again, deleted: against an API server that misbehaves."""

import re

import pytest
from fake_kubernetes import TRAINER, Fault, condition

from components.launcher import cluster as cluster_module
from components.launcher.cluster import Refused, Unavailable
from components.launcher.jobs import PYTORCHJOB, RUN, TRAINJOB
from components.launcher.lifecycle import begin, deleted_on_interrupt


@pytest.fixture(autouse=True)
def pod(monkeypatch):
    """This pod, as the downward API tells it."""
    monkeypatch.setenv('POD_NAME', 'launcher-1')
    monkeypatch.setenv('POD_UID', 'uid-1')


def trainjob(kubernetes, options, **content):
    """A job of an earlier attempt."""
    job = kubernetes.add(TRAINER, 'trainjobs', options.job_name, spec=TRAINJOB.build(options)['spec'], **content)
    job['metadata'] |= {
        'annotations': {RUN: options.run.uri},
        'ownerReferences': [{'uid': 'uid-0', 'name': 'launcher-0'}],
    }
    return job


@pytest.mark.parametrize('kind', [TRAINJOB, PYTORCHJOB])
def test_a_job_is_created_and_goes_with_this_pod(kubernetes, cluster, options, kind):
    job = begin(cluster, kind, options())
    assert list(kubernetes.jobs()) == [options().job_name]
    assert job['metadata']['ownerReferences'] == [
        {'apiVersion': 'v1', 'kind': 'Pod', 'name': 'launcher-1', 'uid': 'uid-1'}
    ]


@pytest.mark.parametrize('status', [429, 500, 503, 0])
def test_an_api_server_that_is_away_is_asked_again(kubernetes, cluster, options, status):
    kubernetes.faults = [Fault('POST', 'trainjobs', status, times=2), Fault('GET', 'trainjobs/', status)]
    begin(cluster, TRAINJOB, options())
    assert len(kubernetes.said('POST', 'trainjobs')) >= 3
    assert len(kubernetes.jobs()) == 1


def test_an_answer_that_got_lost_does_not_make_a_second_job(kubernetes, cluster, options, monkeypatch):
    monkeypatch.setattr(cluster_module, '_TIMEOUT', (1.0, 0.2))
    kubernetes.faults = [Fault('POST', 'trainjobs', 200, delay=0.5)]  # created, but we have hung up
    begin(cluster, TRAINJOB, options())
    assert len(kubernetes.jobs()) == 1


def test_a_retry_adopts_the_running_job(kubernetes, cluster, options):
    running = trainjob(kubernetes, options(), status={})
    assert begin(cluster, TRAINJOB, options())['metadata']['uid'] == running['metadata']['uid']
    assert [owner['uid'] for owner in running['metadata']['ownerReferences']] == ['uid-1']
    assert kubernetes.said('DELETE') == []


def test_a_job_that_succeeded_is_not_run_again(kubernetes, cluster, options):
    done = trainjob(kubernetes, options(), status=condition('Complete'))
    assert begin(cluster, TRAINJOB, options())['metadata']['uid'] == done['metadata']['uid']


def test_a_job_that_failed_is_begun_again(kubernetes, cluster, options):
    failed = trainjob(kubernetes, options(), status=condition('Failed', 'BackoffLimitExceeded'))
    job = begin(cluster, TRAINJOB, options())
    assert job['metadata']['uid'] != failed['metadata']['uid']
    assert len(kubernetes.said('DELETE', 'trainjobs')) == 1


def test_a_job_that_is_going_is_waited_for(kubernetes, cluster, options):
    going = trainjob(kubernetes, options(), status={})
    going['metadata']['deletionTimestamp'] = '2026-11-22T00:00:00Z'

    def gone(fake, looks):
        if looks == 3:
            fake.objects = {path: found for path, found in fake.objects.items() if found is not going}

    kubernetes.on_look = gone
    assert begin(cluster, TRAINJOB, options())['metadata']['uid'] != going['metadata']['uid']


def test_a_job_that_does_not_go_away_is_an_error(kubernetes, cluster, options):
    trainjob(kubernetes, options(), status={})['metadata']['deletionTimestamp'] = '2026-11-22T00:00:00Z'
    with pytest.raises(Unavailable, match=r'cannot be created: the former one does not go away\. Look at it'):
        begin(cluster, TRAINJOB, options(patience=0.3))


def test_the_job_of_another_run_is_left_alone(kubernetes, cluster, options):
    kubernetes.add(TRAINER, 'trainjobs', options().job_name, status={})
    with pytest.raises(ValueError, match=r'is there already and belongs to somebody else\. Delete it, or choose'):
        begin(cluster, TRAINJOB, options())
    assert kubernetes.said('DELETE') == []


def test_an_operator_that_is_too_old_is_found_out_and_nothing_is_left(kubernetes, cluster, options):
    kubernetes.drops = {'runtimePatches'}
    with pytest.raises(ValueError, match=r'TrainJob does not know runtimePatches\. Install Kubeflow Trainer 2\.2'):
        begin(cluster, TRAINJOB, options())
    assert kubernetes.jobs() == {}


def test_a_quota_is_no_reason_to_ask_again(kubernetes, cluster, options):
    kubernetes.faults = [Fault('POST', 'trainjobs', 403)]
    with pytest.raises(Refused, match=r'creating the TrainJob: the API server answers 403: a fault .* more quota'):
        begin(cluster, TRAINJOB, options())
    assert len(kubernetes.said('POST', 'trainjobs')) == 1


def test_a_token_is_asked_for(kubernetes, cluster, options):
    kubernetes.faults = [Fault('POST', 'trainjobs', 401)]
    with pytest.raises(Refused, match=re.escape('Check the token of the service account')):
        begin(cluster, TRAINJOB, options())


@pytest.mark.parametrize('status', [200, 503, 0])
def test_an_interruption_deletes_the_job(kubernetes, cluster, options, status, monkeypatch):
    monkeypatch.setattr('signal.signal', lambda *_: None)  # the test's own handlers stay
    begin(cluster, TRAINJOB, options())
    kubernetes.faults = [Fault('DELETE', 'trainjobs', status)]
    with pytest.raises(KeyboardInterrupt), deleted_on_interrupt(cluster, TRAINJOB, options().job_name):
        raise KeyboardInterrupt
    assert kubernetes.jobs() == {}


def test_other_ends_leave_the_job(kubernetes, cluster, options):
    """What an attempt left is adopted by the next one."""
    begin(cluster, TRAINJOB, options())
    with pytest.raises(Unavailable), deleted_on_interrupt(cluster, TRAINJOB, options().job_name):
        raise Unavailable('the API server is away')
    assert len(kubernetes.jobs()) == 1
