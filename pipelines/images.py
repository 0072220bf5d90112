"""``python -m pipelines.images build|push``: the container images of the stages, from tracked files, by git version.

An image holds the files that git tracks and nothing else of this folder, so that its version says what is in it.
"""

import argparse
import io
import re
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docker.errors import DockerException, ImageNotFound

from pifpaf_core import command, version
from pifpaf_core.options import add_options, from_args, option
from pipelines.docker_runner import connect

CLONE = Path(__file__).resolve().parent.parent
TARGETS = ('tools', 'train', 'services')
_CONTENT = ('pifpaf_core', 'components', 'docker', 'pyproject.toml', 'constraints.txt', 'README.md', 'LICENSE')
_CA_FILE = 'docker/local/ca.crt'


@dataclass(frozen=True)
class ImageOptions:
    """Images."""

    targets: tuple[str, ...] = option(('tools', 'train'), 'which: tools, train, services (for runs on this machine)')
    repository: str = option('', 'registry and path before the names, e.g. registry.example:5000/team')
    allow_dirty: bool = option(False, 'push although files have changes that no commit holds')

    def __post_init__(self) -> None:
        unknown = [target for target in self.targets if target not in TARGETS]
        if unknown or not self.targets:
            raise ValueError(f"--targets '{' '.join(self.targets)}' are no images. Give some of {', '.join(TARGETS)}")

    def names(self, target: str) -> tuple[str, str]:
        """(repository, tag) of an image. A tag holds no ``+``."""
        prefix = f'{self.repository.rstrip("/")}/' if self.repository else ''
        return f'{prefix}pifpaf-{target}', re.sub(r'[^A-Za-z0-9_.-]', '-', version.version())


@dataclass(frozen=True)
class BuildOptions:
    """Sources (for build)."""

    base: str = option('python:3.11-slim-bookworm', 'image to build on: Python 3.11 or newer with venv')
    torch: str = option('', 'requirement, e.g. "torch==2.15.0 torchvision" (default: constraints.txt; base: as it has)')
    index_url: str = option('', "package index in place of pip's own", metavar='URL')
    extra_index_url: str = option('', 'further package index, e.g. one with builds of torch for CPUs', metavar='URL')
    ca_file: str = option(
        '', 'certificates that pip is to trust in the build, where an index has its own', metavar='FILE'
    )
    kernel_cpu: str = option('x86-64-v3', 'processor to compile kernels for, as LLVM calls it; no older one will do')
    network: str = option('', "Docker's network of the build, e.g. host (default: Docker's own)")

    def arguments(self) -> dict[str, str]:
        """``ARG`` values of the Dockerfile."""
        given = {
            'BASE': self.base,
            'TORCH': self.torch,
            'PIP_INDEX_URL': self.index_url,
            'PIP_EXTRA_INDEX_URL': self.extra_index_url,
            'KERNEL_CPU': self.kernel_cpu,
            'PIFPAF_VERSION': version.version(),
            'PIFPAF_COMMIT': version.git('rev-parse', 'HEAD', folder=CLONE),
            'PIFPAF_BRANCH': version.git('rev-parse', '--abbrev-ref', 'HEAD', folder=CLONE),
            'PIFPAF_REPOSITORY': version.git('config', '--get', 'remote.origin.url', folder=CLONE),
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Config:
    """All that ``pipelines.images`` was asked for."""

    action: Literal['build', 'push']
    images: ImageOptions
    build: BuildOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('action', choices=('build', 'push'), help='what to do')
    add_options(parser, ImageOptions)
    add_options(parser, BuildOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(args.action, from_args(ImageOptions, args), from_args(BuildOptions, args))


def run(config: Config) -> None:
    """Build or push the images, and print their names."""
    if config.action == 'push' and version.is_dirty() and not config.images.allow_dirty:
        raise ValueError(
            f'{version.version()} has changes that no commit holds: nobody could tell what ran. '
            'Commit them and build again, or give --allow-dirty'
        )
    client = connect()
    for target in config.images.targets:
        print(build(client, target, config) if config.action == 'build' else push(client, target, config.images))


def build(client: Any, target: str, config: Config) -> str:
    """Build an image from the tracked files; returns its name. It is tagged ``latest``, too, for runs on this machine.

    Raises:
        OSError: a step failed; its output has been shown.
    """
    repository, tag = config.images.names(target)
    lines = client.api.build(
        fileobj=io.BytesIO(context(config.build.ca_file)),
        custom_context=True,
        dockerfile='docker/Dockerfile',
        target=target,
        tag=f'{repository}:{tag}',
        buildargs=config.build.arguments(),
        network_mode=config.build.network or None,
        rm=True,
        decode=True,
    )
    problem = _follow(lines)
    if problem:
        raise OSError(
            f'{repository} could not be built: {problem}. The lines above say more; '
            'docs/containers.md tells how to build without a registry'
        )
    client.images.get(f'{repository}:{tag}').tag(repository, 'latest')
    return f'{repository}:{tag}'


def push(client: Any, target: str, images: ImageOptions) -> str:
    """Push the image of this version; returns its name with digest, which always means the same image.

    Raises:
        OSError: it is not there, or the registry did not take it.
    """
    repository, tag = images.names(target)
    try:
        client.images.get(f'{repository}:{tag}')
    except ImageNotFound:
        raise OSError(f'{repository}:{tag} is not built. Run python -m pipelines.images build first') from None
    digest = ''
    for line in client.api.push(repository, tag=tag, stream=True, decode=True):
        if 'error' in line:
            raise OSError(f'{repository}:{tag} was not taken: {line["error"]}. Run docker login, or check --repository')
        digest = line.get('aux', {}).get('Digest', digest)
    return f'{repository}:{tag}@{digest}'


def context(ca_file: str = '') -> bytes:
    """What the build sees, as a tar archive: tracked files, and the certificates.

    Raises:
        ValueError: this is no git checkout.
    """
    listed = version.git('ls-files', '-z', '--', *_CONTENT, folder=CLONE)
    if not listed:
        raise ValueError('images are built from a git checkout, and this is none. Clone the repository')
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        for name in filter(None, listed.split('\0')):
            if (CLONE / name).exists():  # one that is deleted but not committed
                archive.add(CLONE / name, name, filter=_anonymous)
        if ca_file:
            archive.add(ca_file, _CA_FILE, filter=_anonymous)
    return buffer.getvalue()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs between clones, so that Docker reuses its layers."""
    member.uid = member.gid = 0
    member.uname = member.gname = ''
    member.mtime = 0
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def _follow(lines: Iterable[Mapping[str, Any]]) -> str:
    """Show what the daemon says; returns the error, or an empty text."""
    for line in lines:
        if 'error' in line:
            return ' '.join(str(line['error']).split())
        sys.stderr.write(line.get('stream', ''))
    return ''


def _run(config: Config) -> None:
    """`run`, with Docker's own errors as ours."""
    try:
        run(config)
    except DockerException as error:
        raise OSError(f'Docker refused: {" ".join(str(error).split())}. Mend that and run again') from None


COMMAND = command.Command('pipelines.images', 'Container images of the stages.', add_arguments, configure, _run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())
