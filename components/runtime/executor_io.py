"""The contract between a KFP container component and its program: ``--executor-input '{{$}}'``.

KFP hands the program one JSON text with the paths and URIs of its outputs and expects one file back. The cluster takes
artifacts from where their URI points and reads that file for metadata; kfp.local sees nothing but that file. Run by
hand, without executor input, a program has no artifacts to write and every method here does nothing.
"""

import json
import math
from pathlib import Path
from typing import Any

from pifpaf_core.files import write_atomically

_MOUNTS = {'gs://': '/gcs/', 'minio://': '/minio/', 's3://': '/s3/'}


class ExecutorIO:
    """Paths of a task's outputs, and the file that reports them back.

    Args:
        text: the executor input; empty when the program runs without KFP.

    Raises:
        ValueError: the text is no executor input.
    """

    def __init__(self, text: str = '') -> None:
        try:
            self._outputs = _outputs(json.loads(text)) if text else {}
        except ValueError as error:
            raise ValueError(
                f"--executor-input is no executor input: {error}. Pass KFP's '{{{{$}}}}' or nothing"
            ) from None
        self._artifacts: dict[str, Any] = self._outputs.get('artifacts', {})
        self._values: dict[str, Any] = {}

    @property
    def is_present(self) -> bool:
        """Whether KFP runs this program."""
        return bool(self._outputs)

    def path(self, name: str, *, suffix: str = '') -> Path | None:
        """Where to write the output artifact ``name``, its folder made; None without KFP.

        Args:
            name: as in the component's signature.
            suffix: appended to path and URI, so that a browser saves the artifact under a name with an extension.
        """
        artifact = self._artifact(name)
        if artifact is None:
            return None
        if suffix and not artifact['uri'].endswith(suffix):
            artifact['uri'] += suffix
            if artifact.get('customPath'):
                artifact['customPath'] += suffix
        path = Path(artifact.get('customPath') or _local_path(artifact['uri']))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: str | bytes, *, suffix: str = '') -> None:
        """Write the output artifact ``name``."""
        path = self.path(name, suffix=suffix)
        if path is not None:
            write_atomically(path, content)

    def reference(self, name: str, uri: str) -> None:
        """Let the output artifact ``name`` point at something that lies elsewhere already: nothing is uploaded."""
        artifact = self._artifact(name)
        if artifact is not None:
            artifact['uri'] = uri

    def metadata(self, name: str, **facts: Any) -> None:
        """Add metadata to an output artifact. That of a Metrics artifact is what the KFP UI tabulates.

        NaN and infinities are left out: KFP's backend takes none.
        """
        artifact = self._artifact(name)
        if artifact is not None:
            known = {key: v for key, v in facts.items() if not isinstance(v, float) or math.isfinite(v)}
            artifact.setdefault('metadata', {}).update(known)

    def parameter(self, name: str, value: str | int | float | bool) -> None:
        """Set an output parameter."""
        target = self._outputs.get('parameters', {}).get(name)
        if target is not None:
            self._values[name] = value
            text = value if isinstance(value, str) else json.dumps(value)
            write_atomically(target['outputFile'], text)

    def finish(self) -> None:
        """Report all outputs. Call it once, last."""
        if not self._outputs.get('outputFile'):
            return
        kept = ('name', 'uri', 'metadata')
        artifacts = {
            name: {'artifacts': [{key: item[key] for key in kept if key in item} for item in output['artifacts']]}
            for name, output in self._artifacts.items()
        }
        report = {'artifacts': artifacts, 'parameterValues': self._values}
        write_atomically(self._outputs['outputFile'], json.dumps(report))

    def _artifact(self, name: str) -> dict[str, Any] | None:
        assert name in self._artifacts or not self.is_present, f'the component has no output {name}'
        output = self._artifacts.get(name)
        return output['artifacts'][0] if output else None


def _outputs(document: Any) -> dict[str, Any]:
    """The outputs of an executor input.

    Raises:
        ValueError: something in them is not what KFP puts there.
    """
    outputs = _object(_object(document, 'it').get('outputs', {}), 'outputs')
    _text(outputs, 'outputFile', 'outputs', default='')
    for name, parameter in _object(outputs.get('parameters', {}), 'parameters').items():
        _text(_object(parameter, name), 'outputFile', name)
    for name, output in _object(outputs.get('artifacts', {}), 'artifacts').items():
        artifacts = _object(output, name).get('artifacts')
        if not isinstance(artifacts, list) or not artifacts:
            raise ValueError(f"'{name}' has no list of artifacts")
        for artifact in artifacts:
            _text(_object(artifact, name), 'uri', name)
            _text(artifact, 'customPath', name, default='')
            _object(artifact.get('metadata', {}), 'metadata')
    return outputs


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"'{name}' is no object")
    return value


def _text(value: dict[str, Any], key: str, name: str, *, default: str | None = None) -> None:
    if not isinstance(value.get(key, default), str):
        raise ValueError(f"'{name}' has no text '{key}'")


def _local_path(uri: str) -> str:
    """Where KFP's launcher mounts ``uri``: ``s3://bucket/key`` is ``/s3/bucket/key``."""
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            return mount + uri.removeprefix(scheme)
    return uri
