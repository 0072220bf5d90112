"""Which code is running: last tag, commits since, short hash and whether the tree is dirty, computed when asked."""

import functools
import importlib.metadata
import os
import re
import subprocess
from pathlib import Path

DISTRIBUTION = 'pifpaf-core'
_DESCRIBE = re.compile(r'^v?(?P<tag>.+)-(?P<since>\d+)-g(?P<hash>[0-9a-f]+)(?P<dirty>-dirty)?$')


@functools.cache
def version() -> str:
    """Version such as ``0.1.0+204.g9873451.dirty``: tag 0.1.0, 204 commits since, commit 9873451, uncommitted changes.

    In an image the environment variable ``PIFPAF_VERSION`` says it; in a git checkout git does; an installed wheel
    knows its own. A checkout without a tag counts from ``0``.
    """
    return os.environ.get('PIFPAF_VERSION') or _from_git(Path(__file__).parent) or _from_distribution()


def is_dirty() -> bool:
    """Whether the running code has changes that no commit holds."""
    return version().endswith('dirty')


def plugin_versions() -> dict[str, str]:
    """{distribution: version} of everything that registers data modules or backbones, this project excepted."""
    points = [
        p
        for group in ('datamodules', 'backbones')
        for p in importlib.metadata.entry_points(group=f'pifpaf_core.{group}')
    ]
    found = {point.dist.name: point.dist.version for point in points if point.dist is not None}
    return {name: number for name, number in sorted(found.items()) if name != DISTRIBUTION}


def git(*arguments: str, folder: Path) -> str | None:
    """Output of a git command in ``folder``, or None where git, the repository or the answer is absent."""
    try:
        done = subprocess.run(
            ['git', '-c', 'safe.directory=*', *arguments], cwd=folder, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _from_git(folder: Path) -> str | None:
    top = git('rev-parse', '--show-toplevel', folder=folder)
    if top is None or not (Path(top) / 'pifpaf_core' / 'version.py').exists():
        return None  # a checkout of something else that has us installed inside
    described = git('describe', '--tags', '--long', '--dirty', '--match', 'v[0-9]*', folder=folder)
    if described and (match := _DESCRIBE.match(described)):
        tag, since, commit, dirty = match['tag'], match['since'], match['hash'], match['dirty']
    else:
        commits = git('rev-list', '--count', 'HEAD', folder=folder)
        head = git('rev-parse', '--short=7', 'HEAD', folder=folder)
        if not commits or not head:
            return None
        tag, since, commit = '0', commits, head
        dirty = git('status', '--porcelain', '--untracked-files=no', folder=folder)
    return f'{tag}+{since}.g{commit}' + ('.dirty' if dirty else '')


def _from_distribution() -> str:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return '0+unknown'
