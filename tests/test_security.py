"""What SECURITY.md claims: nothing from outside is run, addresses are restricted, secrets stay where they are."""

import ast
import json
import zipfile
from pathlib import Path

import pytest
from coco_folder import Folder
from web_server import serving

from pifpaf_core import prepare
from pifpaf_core.preparation.download import check_address, without_secrets

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = [path for name in ('pifpaf_core', 'components', 'pipelines') for path in (REPOSITORY / name).rglob('*.py')]
CANARY = 'c4n4ry-5ecret'
SECRETS = ('AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'MLFLOW_TRACKING_PASSWORD', 'MLFLOW_TRACKING_TOKEN')

RUNS_DATA = {
    *('eval', 'exec', 'compile', '__import__', 'os.system', 'os.popen', 'yaml.load', 'yaml.unsafe_load'),
    *('pickle.load', 'pickle.loads', 'pickle.Unpickler', 'marshal.loads', 'shelve.open', 'joblib.load', 'dill.loads'),
    *('tarfile.TarFile.extractall', 'zipfile.ZipFile.extractall', 'shutil.unpack_archive'),
    *('torch.jit.load', 'torch.hub.load', 'runpy.run_path'),
}


def dangers(source):
    """(line, what) of each call in ``source`` that could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in RUNS_DATA or name.endswith(('.extractall', '.extract')):
            found.append((node.lineno, name))
        if name == 'torch.load' and given.get('weights_only') != 'True':
            found.append((node.lineno, 'torch.load without weights_only'))
        if given.get('shell') == 'True' or given.get('allow_pickle') == 'True':
            found.append((node.lineno, f'{name} with {given}'))
    return found


@pytest.mark.parametrize(
    'source',
    [
        'pickle.loads(x)', 'torch.load(x)', 'torch.load(x, weights_only=False)', 'eval(x)', 'yaml.load(x)',
        'np.load(x, allow_pickle=True)', 'subprocess.run(x, shell=True)', 'tarfile.open(x).extractall()',
    ],
)  # fmt: skip
def test_dangers_are_seen(source):
    assert len(dangers(source)) == 1


def test_nothing_runs_what_it_reads():
    assert len(SOURCES) > 100
    found = {
        (path.relative_to(REPOSITORY).as_posix(), what) for path in SOURCES for _, what in dangers(path.read_text())
    }
    assert found == set()


def test_the_one_unpickler_builds_stand_ins_only():
    """A subclass of pickle.Unpickler is no call; there is one, and its tests are tests/openpifpaf/test_stand_ins.py."""
    heirs = [
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and any('Unpickler' in ast.unparse(base) for base in node.bases)
    ]
    assert heirs == ['stand_ins.py']


def test_the_library_reads_no_secret_from_the_environment():
    """Credentials are read by boto3, mlflow and kubernetes themselves, which the library does not know."""
    names = [
        node.value
        for path in (REPOSITORY / 'pifpaf_core').rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper()
    ]
    assert 'PIFPAF_VERSION' in names
    words = ('SECRET', 'PASSWORD', 'TOKEN', 'CREDENTIAL', 'AWS_', 'MLFLOW_')
    assert [name for name in names if any(word in name for word in words)] == []


@pytest.mark.parametrize(
    ('address', 'reason'),
    [
        ('ftp://host/a.zip', "scheme 'ftp'"),
        ('data:text/plain,x', "scheme 'data'"),
        ('jar:http://host/a.zip', "scheme 'jar'"),
        (f'https://me:{CANARY}@host/a.zip', 'user or password'),
        (f'https://{CANARY}@host/a.zip', 'user or password'),
        ('http://host:port/a.zip', 'malformed'),
        ('http://[host/a.zip', 'malformed'),
        ('http://host/a\r\nHost: other', 'malformed'),
    ],
)
def test_addresses_that_are_refused(address, reason):
    with pytest.raises(ValueError, match=reason) as error:
        check_address(address)
    assert CANARY not in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('address', ['http://host/a.zip', 'https://host:8443/a b.zip', 'file:///a.zip'])
def test_addresses_that_are_allowed(address):
    check_address(address)


def test_what_is_shown_of_an_address():
    signed = f'https://me:{CANARY}@host:1/a/b.zip?X-Amz-Signature={CANARY}#{CANARY}'
    assert without_secrets(signed) == 'https://host:1/a/b.zip'


@pytest.fixture
def signed(tmp_path):
    """A signed address of an archive, from a server that knows it."""
    folder = Folder(tmp_path / 'source').add('train').add('val', first=50)
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        for file in sorted(folder.root.rglob('*')):
            archive.write(file, file.relative_to(folder.root))
    with serving() as site:
        site.files[f'/a.zip?X-Amz-Signature={CANARY}'] = path.read_bytes()
        path.unlink()
        yield f'{site.address}/a.zip?X-Amz-Signature={CANARY}'


@pytest.mark.parametrize('problem', [None, 'missing', 'damaged', 'user', 'scheme'])
def test_no_secret_is_said_or_written(signed, tmp_path, monkeypatch, capsys, problem):
    for name in SECRETS:
        monkeypatch.setenv(name, CANARY)
    source = {
        None: signed,
        'missing': signed.replace('a.zip', 'b.zip'),
        'damaged': signed,
        'user': signed.replace('http://', f'http://me:{CANARY}@'),
        'scheme': signed.replace('http://', 'ftp://'),
    }[problem]
    if problem == 'damaged':
        monkeypatch.setattr('pifpaf_core.preparation.archive.zipfile.is_zipfile', lambda path: False)
    code = prepare.main([f'--source={source}', f'--output={tmp_path / "out"}', '--debug'])
    assert code == (0 if problem is None else 1)
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err
    written = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert [path for path in written if CANARY in path.name or CANARY.encode() in path.read_bytes()] == []
    if problem is None:
        assert json.loads((tmp_path / 'out/manifest.json').read_text())['source'].endswith('/a.zip')
