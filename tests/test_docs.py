"""Every command in the README and the documentation is understood: what is ours is dry-run, the rest is on a list."""

import ast
import importlib
import importlib.util
import json
import math
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from pifpaf_core.__main__ import COMMANDS, main

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / 'README.md', *sorted((REPOSITORY / 'docs').rglob('*.md'))]
FENCE = re.compile(r'^```(\w*)[^\n]*\n(.*?)^```', re.MULTILINE | re.DOTALL)

OTHERS = frozenset(
    (
        *(
            'make',
            'git',
            'pip',
            'kfp',
            'docker',
            'kubectl',
            'kustomize',
            'helm',
            'curl',
            'export',
            'source',
            'cd',
            'ls',
        ),
        *('find', 'cat', 'mlflow', 'scontrol', 'sha256sum', 'unzip'),
    )
)
"""Programs that are not ours; their lines are not checked."""

OUR_MODULES = ('components.', 'pipelines.', 'benchmarks')
"""Modules run by ``python -m`` that have no dry run: they must exist."""


class Line(NamedTuple):
    """A command of a page."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f'{self.page}: {" ".join(self.words)[:60]}'


def blocks(language):
    return [
        (page.relative_to(REPOSITORY).as_posix(), text)
        for page in PAGES
        for found, text in FENCE.findall(page.read_text())
        if found == language
    ]


def commands(text):
    """The commands of a shell text as lists of words; variables before them and redirections are dropped."""
    words = shlex.shlex(text.replace('\\\n', ' ').replace('\n', ' ; '), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ''
    command: list[str] = []
    for word in [*words, ';']:
        if set(word) <= set('();|&'):
            if command:
                yield without_prefix(command)
            command = []
        else:
            command.append(word)


def without_prefix(command):
    """Drop ``time``, variables and redirections."""
    while command[0] == 'time' or re.fullmatch(r'[A-Z_]+=\S*', command[0]):
        command = command[1:]
    kept = []
    for before, word in zip(['', *command], command, strict=False):
        if not re.fullmatch(r'\d?[<>]+', word) and not re.fullmatch(r'\d?[<>]+', before):
            kept.append(word)
    return kept


def without_comments(text):
    return re.sub(r'(^|\s)#.*$', '', text, flags=re.MULTILINE)


LINES = [Line(page, tuple(words)) for page, text in blocks('sh') for words in commands(without_comments(text))]


def test_the_pages_have_commands():
    programs = [line.words[0] for line in LINES]
    assert programs.count('pifpaf') > 15
    assert {'make', 'torchrun', 'sbatch'} <= set(programs)


def ours(words):
    """The arguments after ``pifpaf`` that a line means; None if it starts another program."""
    program, *arguments = words
    if program == 'pifpaf':
        return arguments
    if program in ('python', 'python3', 'torchrun') and '-m' in arguments:
        module, *rest = arguments[arguments.index('-m') + 1 :]
        if module.startswith('pifpaf_core'):
            name = module.removeprefix('pifpaf_core').removeprefix('.').replace('_', '-')
            return [name, *rest] if name else rest
    if program == 'sbatch':
        position = next(i for i, word in enumerate(arguments) if not word.startswith('-'))
        return [Path(arguments[position]).stem, *arguments[position + 1 :]]
    return None


@pytest.mark.parametrize('line', [line for line in LINES if ours(line.words) is not None], ids=str)
def test_our_commands_are_understood(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no file of the command is there
    name, *arguments = ours(line.words)
    assert name in COMMANDS
    assert main([name, *arguments, '--dry-run']) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('line', [line for line in LINES if ours(line.words) is None], ids=str)
def test_other_commands_are_known(line):
    program, *arguments = line.words
    if program not in ('python', 'python3'):
        assert program in OTHERS
        return
    if arguments[0] == '-m':
        assert arguments[1].startswith(OUR_MODULES)
        assert importlib.util.find_spec(arguments[1]) is not None
    else:
        assert (REPOSITORY / arguments[0]).is_file()


@pytest.mark.parametrize(('page', 'script'), blocks('bash'), ids=lambda value: value[:30])
def test_scripts_are_shell_and_start_what_exists(page, script):
    bash = shutil.which('bash')
    if bash is None:
        pytest.skip('there is no bash')
    subprocess.run([bash, '-n'], input=script, text=True, check=True, timeout=30)
    started = re.findall(r'-m (pifpaf_core\.\w+)', script)
    assert started and all(importlib.util.find_spec(module) for module in started)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', FENCE.sub('', page.read_text()))
    local = [target for target in targets if '://' not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('a --b \\\n  c\nd', [['a', '--b', 'c'], ['d']]),
        ('X=1 time pifpaf eval "a ?? b" > out.txt', [['pifpaf', 'eval', 'a ?? b']]),
        ("a | b 'c;d' && e", [['a'], ['b', 'c;d'], ['e']]),
        ('a --x=b[05] # words', [['a', '--x=b[05]']]),
        ('a epoch??[0,5]', [['a', 'epoch??[0,5]']]),
    ],
)
def test_commands_are_read_as_a_shell_does(text, expected):
    assert list(commands(without_comments(text))) == expected


def trained(line, tmp_path, capsys, **changes):
    """Train for two epochs on the eight photographs with the options of a command of the guide; the log's records."""
    name, *arguments = ours(line.words)
    assert main([name, *arguments, '--dry-run']) == 0
    options = json.loads(capsys.readouterr().out)
    eight = REPOSITORY / 'examples/coco-eight'
    for module in options['dataset'].split('-'):
        for split in ('train', 'val'):
            options[f'{module}-{split}-annotations'] = str(eight / 'annotations/person_keypoints_val2017.json')
            options[f'{module}-{split}-image-dir'] = str(eight / 'images/val2017')
    options |= {'output': str(tmp_path / 'x'), 'epochs': 2, 'val-interval': 1, 'loader-workers': 0}
    options |= {'disable-cuda': True, 'ddp': False, 'checkpoint': None, 'lr-warm-up-start-epoch': 0, 'resume': False}
    options |= {'resume-override': [], 'save-all': options['save-all'] and str(tmp_path / 'plots'), **changes}
    if not options['basenet'].startswith('resnet'):
        options = {name: value for name, value in options.items() if not name.startswith('resnet-')}
    assert main([name, '--options', json.dumps(options)]) == 0
    return [json.loads(record) for record in (tmp_path / 'x.log').read_text().splitlines()]


TRAININGS = [line for line in LINES if 'training.md' in line.page and (ours(line.words) or [''])[0] == 'train']


@pytest.mark.parametrize('line', TRAININGS, ids=str)
def test_the_trainings_of_the_guide_train(line, tmp_path, capsys):
    small = {'basenet': 'tiny', 'square-edge': 49, 'batch-size': 2, 'train-batches': 2, 'val-batches': 1}
    records = trained(line, tmp_path, capsys, **small)
    losses = [record['loss'] for record in records if record.get('type') in ('train-epoch', 'val-epoch')]
    assert len(losses) == 4 and all(map(math.isfinite, losses))
    assert (tmp_path / 'x.epoch002.safetensors').exists()


@pytest.mark.nightly
@pytest.mark.parametrize('line', TRAININGS, ids=str)
def test_the_trainings_of_the_guide_train_their_networks(line, tmp_path, capsys):
    basenet = 'shufflenetv2k16' if '--checkpoint' in ' '.join(line.words) else None
    changes = {'resnet-no-pretrain': True, 'square-edge': 193, 'batch-size': 4}
    records = trained(line, tmp_path, capsys, **changes, **({'basenet': basenet} if basenet else {}))
    losses = [record['loss'] for record in records if record.get('type') == 'train-epoch']
    assert len(losses) == 2 and all(map(math.isfinite, losses))


@pytest.mark.parametrize(('page', 'program'), blocks('python'), ids=lambda value: value[:30])
def test_programs_use_what_exists(page, program):
    """Python in the pages compiles, and what it imports from this project is there."""
    imports = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.ImportFrom)]
    compile(program, page, 'exec')
    for node in imports:
        if (node.module or '').startswith('pifpaf_core'):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.util.find_spec(f'{node.module}.{alias.name}')
