"""A cluster that is none, and launchers on it."""

import pytest
from fake_kubernetes import NAMESPACE, TRAINER, FakeKubernetes

from components.launcher.cluster import Cluster
from components.launcher.settings import LauncherOptions


@pytest.fixture
def kubernetes(tmp_path, monkeypatch):
    """An API server with Kubeflow Trainer and the runtime of k8s/."""
    monkeypatch.delenv('KUBERNETES_SERVICE_HOST', raising=False)
    fake = FakeKubernetes()
    fake.add(TRAINER, 'trainingruntimes', 'pifpaf-torch')
    path = fake.kubeconfig(tmp_path / 'kubeconfig')
    monkeypatch.setattr('kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION', str(path))
    monkeypatch.setenv('KUBECONFIG', str(path))
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def cluster(kubernetes):
    found = Cluster()
    assert found.namespace == NAMESPACE
    return found


@pytest.fixture
def options(tmp_path):
    """``options(nodes=3)``."""

    def make(**values):
        common = {
            'run_root': str(tmp_path / 'runs'),
            'run_id': 'my-run',
            'dataset_uri': 'data',
            'image': 'registry/train:1',
        }
        return LauncherOptions(**{**common, 'watch_interval': 0.05, 'patience': 5.0, **values})

    return make
