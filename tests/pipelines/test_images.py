"""Images: what goes into the build, names, refusals; and of built ones, with a daemon, what they are like."""

import io
import json
import shutil
import socket
import subprocess
import tarfile
import time

import pytest
from fake_docker import Daemon

from pifpaf_core import version
from pipelines import images


class Registry(Daemon):
    """A daemon that builds and pushes nothing; ``lines`` is what it says."""

    def __init__(self, lines=(), **options):
        super().__init__(**options)
        self.api, self.lines, self.asked = self, list(lines), []

    def build(self, **options):
        self.asked.append(options)
        self.known.add(options['tag'])
        return iter(self.lines)

    def push(self, repository, **options):
        self.asked.append((repository, options['tag']))
        return iter(self.lines)


@pytest.fixture
def daemon(monkeypatch):
    """``daemon(lines, ...)``: the daemon that the command talks to."""

    def make(*arguments, **options):
        found = Registry(*arguments, **options)
        monkeypatch.setattr(images, 'connect', lambda: found)
        return found

    return make


@pytest.fixture
def clean(monkeypatch):
    monkeypatch.setenv('PIFPAF_VERSION', '1.2.0+7.gabc1234')
    version.version.cache_clear()
    yield
    monkeypatch.undo()
    version.version.cache_clear()


@pytest.fixture
def dirty(monkeypatch, clean):
    monkeypatch.setenv('PIFPAF_VERSION', '1.2.0+7.gabc1234.dirty')
    version.version.cache_clear()


def test_images_are_named_by_the_version_and_hold_it(daemon, clean, capsys):
    found = daemon()
    argv = [
        'build',
        '--targets',
        'tools',
        'train',
        '--repository=registry:5000/team/',
        '--base=b:1',
        '--torch=torch==9',
    ]
    assert images.main(argv) == 0
    names = [f'registry:5000/team/pifpaf-{target}:1.2.0-7.gabc1234' for target in ('tools', 'train')]
    assert capsys.readouterr().out.split() == names
    assert [asked['target'] for asked in found.asked] == ['tools', 'train']
    arguments = found.asked[0]['buildargs']
    assert (arguments['BASE'], arguments['TORCH'], arguments['PIFPAF_VERSION']) == (
        'b:1',
        'torch==9',
        '1.2.0+7.gabc1234',
    )
    assert len(arguments['PIFPAF_COMMIT']) == 40
    assert 'PIP_INDEX_URL' not in arguments, "pip's own, unless another is given"
    assert found.tagged == [(f'registry:5000/team/pifpaf-{target}', 'latest') for target in ('tools', 'train')]


def test_a_failed_step_is_told(daemon, clean, capsys):
    daemon([{'stream': 'Step 1/2\n'}, {'error': 'pull access\ndenied'}])
    assert images.main(['build']) == 1
    err = capsys.readouterr().err
    assert 'Step 1/2' in err
    assert 'pifpaf pipelines.images: pifpaf-tools could not be built: pull access denied.' in err


def test_a_dirty_tree_is_not_pushed_unless_told(daemon, dirty, capsys):
    found = daemon([{'aux': {'Digest': 'sha256:1'}}], images=['pifpaf-tools:1.2.0-7.gabc1234.dirty'])
    assert images.main(['push', '--targets', 'tools']) == 1
    assert 'has changes that no commit holds' in capsys.readouterr().err
    assert found.asked == []
    assert images.main(['push', '--targets', 'tools', '--allow-dirty']) == 0
    assert capsys.readouterr().out == 'pifpaf-tools:1.2.0-7.gabc1234.dirty@sha256:1\n'


def test_what_is_not_built_or_not_taken_is_told(daemon, clean, capsys):
    daemon()
    assert images.main(['push', '--targets', 'tools']) == 1
    assert 'is not built. Run python -m pipelines.images build first' in capsys.readouterr().err
    daemon([{'status': 'x'}, {'error': 'denied'}], images=['pifpaf-tools:1.2.0-7.gabc1234'])
    assert images.main(['push', '--targets', 'tools']) == 1
    assert 'was not taken: denied' in capsys.readouterr().err


def test_unknown_targets_are_refused(capsys):
    assert images.main(['build', '--targets', 'all']) == 2
    assert 'Give some of tools, train, services' in capsys.readouterr().err


def test_the_build_sees_tracked_files_only(repository, tmp_path):
    (tmp_path / 'mine.crt').write_text('certificate')
    with tarfile.open(fileobj=io.BytesIO(images.context(str(tmp_path / 'mine.crt')))) as archive:
        members = archive.getmembers()
    tracked = subprocess.run(['git', 'ls-files'], cwd=repository, capture_output=True, text=True).stdout.splitlines()
    names = {member.name for member in members}
    assert {'docker/Dockerfile', 'components/train/__main__.py', 'docker/local/ca.crt'} <= names
    assert names <= {*tracked, 'docker/local/ca.crt'}
    assert {(member.uid, member.mtime, member.mode) for member in members} <= {(0, 0, 0o644), (0, 0, 0o755)}


@pytest.mark.parametrize(
    ('target', 'torch', 'has', 'has_not'),
    [
        (
            'tools',
            '',
            {'numpy', 'pycocotools', 'kubernetes', 'mlflow-skinny'},
            {'torch', 'torchvision', 'kfp', 'mlflow'},
        ),
        ('train', '', {'torch', 'torchvision', 'numba', 'boto3', 'mlflow-skinny'}, {'kfp', 'mlflow'}),
        ('train', 'base', {'numba'}, {'torch', 'torchvision'}),
        ('train', 'torch==2.13.0+cpu', {'torch'}, {'torchvision'}),
        ('services', '', {'mlflow', 'moto'}, {'torch', 'kfp'}),
    ],
)
def test_what_is_installed(repository, tmp_path, target, torch, has, has_not):
    for name in ('pyproject.toml', 'constraints.txt', 'docker/requirements.py'):
        (tmp_path / name.rpartition('/')[2]).write_bytes((repository / name).read_bytes())
    subprocess.run(['python3', tmp_path / 'requirements.py', target, torch], check=True)
    lines = (tmp_path / 'requirements.txt').read_text().splitlines()
    names = {line.partition('>')[0].partition('[')[0].partition('=')[0] for line in lines}
    assert has <= names and not has_not & names
    pins = (tmp_path / 'pins.txt').read_text()
    assert 'numpy==' in pins
    assert ('\ntorch==' in pins) == (torch == ''), 'another torch is not held back by the pins of ours'


RUN_A_KERNEL = """
import json
import numpy as np
from pifpaf_core.kernels import cache_folder
folder = cache_folder()
count = lambda: len(list(folder.rglob('*.nbc')))
from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import encode
from pifpaf_core.headmeta import Caf
from pifpaf_core.skeletons.cocokp import COCO_PERSON
before = count()
caf = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON).bound(0, 8)
person = GroundTruth(np.full((1, 17, 3), 30.0), np.array([[0.0, 0.0, 60.0, 60.0]]), np.zeros(1, bool), np.ones(1, int))
encode(caf, person, size=(65, 65))
print(json.dumps([str(folder), before, count()]))
"""


@pytest.fixture
def said(docker_image, name):
    """``said(program)``: what a Python program prints in the image, as any user, unable to write but in /tmp."""
    client, image = docker_image(f'pifpaf-{name}:latest')

    def run(program, **options):
        hard = {'user': '54321:0', 'read_only': True, 'tmpfs': {'/tmp': ''}, 'cap_drop': ['ALL'], 'network': 'none'}
        out = client.containers.run(image, ['python3', '-c', program], remove=True, stderr=False, **hard, **options)
        return json.loads(out)

    return run


@pytest.mark.docker
@pytest.mark.parametrize('name', ['tools', 'train'])
class TestBuilt:
    """Of the images of this machine."""

    def test_the_version_is_label_and_environment(self, docker_image, said, name):
        client, image = docker_image(f'pifpaf-{name}:latest')
        labels = client.images.get(image).labels
        program = 'import json; from components.runtime.provenance import code; print(json.dumps(code()))'
        code = said(program)
        assert code['version'] == labels['org.opencontainers.image.version'] != '0+unknown'
        assert code['commit'] == labels['org.opencontainers.image.revision']

    def test_it_holds_what_it_should(self, said, name):
        program = (
            'import importlib.util as u, json; names = "torch", "torchvision", "kfp", "kubernetes", "mlflow", "boto3"; '
            'print(json.dumps([name for name in names if u.find_spec(name)]))'
        )
        always = ['kubernetes', 'mlflow', 'boto3']
        assert said(program) == (['torch', 'torchvision', *always] if name == 'train' else always)

    def test_it_is_unprivileged_and_has_no_entry_point_of_its_own(self, docker_image, name):
        client, image = docker_image(f'pifpaf-{name}:latest')
        config = client.images.get(image).attrs['Config']
        assert config['User'] == '1000:0' and not config['Entrypoint']


@pytest.mark.docker
@pytest.mark.parametrize('name', ['train'])
def test_kernels_run_without_being_compiled(said):
    folder, before, after = said(RUN_A_KERNEL)
    assert folder.startswith('/tmp/') and before > 20 and after == before


@pytest.mark.docker
def test_a_registry_takes_an_image(docker_daemon, tmp_path, clean, capsys):
    """A real registry, from Debian's package, and an image that holds one file."""
    program = shutil.which('docker-registry')
    if program is None:
        pytest.skip('CONTAINERS NOT TESTED: docker-registry is not installed (apt-get install docker-registry)')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        address = f'127.0.0.1:{free.getsockname()[1]}'
    (tmp_path / 'registry.yml').write_text(
        f'version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/store}}}}\nhttp: {{addr: {address}}}\n'
    )
    with tarfile.open(tmp_path / 'image.tar', 'w') as archive:
        archive.add(__file__, 'file')
    name = f'{address}/team/pifpaf-tools'
    client = docker_daemon
    with subprocess.Popen([program, 'serve', tmp_path / 'registry.yml'], stderr=subprocess.DEVNULL) as registry:
        try:
            client.api.import_image(str(tmp_path / 'image.tar'), repository=name, tag='1.2.0-7.gabc1234')
            end = time.monotonic() + 60
            while socket.socket().connect_ex(('127.0.0.1', int(address.rpartition(':')[2]))):
                assert time.monotonic() < end
                time.sleep(0.1)
            assert images.main(['push', '--targets', 'tools', '--repository', f'{address}/team']) == 0
            pushed = capsys.readouterr().out.strip()
            client.images.remove(f'{name}:1.2.0-7.gabc1234')
            client.images.pull(pushed.replace(':1.2.0-7.gabc1234', ''))  # by digest
        finally:
            registry.terminate()
            for image in client.images.list(name):
                client.images.remove(image.id, force=True)
