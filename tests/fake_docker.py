"""A Docker daemon that runs nothing: it notes what it is asked for, and containers end as a test says."""

from types import SimpleNamespace

from docker.errors import ImageNotFound, NotFound


class Container:
    def __init__(self, daemon, image, command, **options):
        self.daemon, self.image, self.command, self.options = daemon, image, command, options
        self.is_removed, self.killed_with = False, None
        self.status, self.labels = 'created', options.get('labels', {})
        self.ports = {name: [{'HostPort': '40001'}] for name in options.get('ports', ())}

    def start(self):
        self.status = 'running'

    def logs(self, **_):
        if self.daemon.interrupt and not self.killed_with:
            raise KeyboardInterrupt
        return iter([b'a line\n'])

    def wait(self):
        assert not self.is_removed, 'asked too late'
        return {'StatusCode': self.daemon.codes.pop(0) if self.daemon.codes else 0}

    def kill(self, signal):
        self.killed_with = signal

    def reload(self):
        pass

    def remove(self, *, force):
        assert force
        self.is_removed = True


class Daemon:
    """What `docker.from_env` gives; ``codes`` are the exit codes of the next containers."""

    def __init__(self, *, images=(), codes=(), interrupt=False, runtimes=()):
        self.made, self.codes, self.interrupt = [], list(codes), interrupt
        self.known, self.tagged, self.runtimes = set(images), [], runtimes
        self.containers = SimpleNamespace(create=self._create, get=self._container)
        self.images = SimpleNamespace(get=self._image, pull=self._image)
        self.networks = SimpleNamespace(list=lambda names: [], create=lambda name: None)

    def info(self):
        return {'Runtimes': dict.fromkeys(self.runtimes)}

    def _create(self, image, command, **options):
        self.made.append(Container(self, image, command, **options))
        return self.made[-1]

    def _container(self, name):
        raise NotFound(name)

    def _image(self, name):
        if name not in self.known:
            raise ImageNotFound(name)
        return SimpleNamespace(tag=lambda *parts: self.tagged.append(parts))
