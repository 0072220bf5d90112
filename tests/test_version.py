import re
import subprocess

import pytest

from pifpaf_core import version


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / 'pifpaf_core').mkdir()
    (tmp_path / 'pifpaf_core' / 'version.py').write_text('')

    def git(*arguments):
        identity = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false']
        subprocess.run(['git', *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'first')
    return tmp_path, git


def test_without_a_tag_commits_are_counted(checkout):
    folder, _ = checkout
    assert re.fullmatch(r'0\+1\.g[0-9a-f]{7}', version._from_git(folder / 'pifpaf_core'))


def test_tag_commits_since_hash_and_dirty(checkout):
    folder, git = checkout
    git('tag', 'v0.3.1')
    (folder / 'pifpaf_core' / 'version.py').write_text('# changed')
    assert re.fullmatch(r'0\.3\.1\+0\.g[0-9a-f]+\.dirty', version._from_git(folder))
    git('commit', '-qam', 'second')
    assert re.fullmatch(r'0\.3\.1\+1\.g[0-9a-f]+', version._from_git(folder))


def test_another_projects_checkout_is_not_ours(tmp_path):
    subprocess.run(['git', 'init', '-q'], cwd=tmp_path, check=True)
    assert version._from_git(tmp_path) is None


def test_an_image_says_its_version(monkeypatch):
    monkeypatch.setenv('PIFPAF_VERSION', '9.9')
    assert version.version.__wrapped__() == '9.9'
