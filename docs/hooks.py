"""What the site needs and Markdown in the repository has not: see `mkdocs.yml`."""

import re
from typing import Any

from latex2mathml.converter import convert

_LINK = re.compile(r'(?<!!)\[([^\]]+)\]\(((?:\.\./)+)[^)]*\)')
_CODE = re.compile(r'(^```.*?^```|`[^`\n]+`)', re.MULTILINE | re.DOTALL)
_FORMULA = re.compile(r'\$\$(.+?)\$\$|\$([^$\n]+)\$', re.DOTALL)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Formulas as MathML, which browsers show by themselves; links out of `docs`, which the site has not, as text."""
    depth = page.file.src_uri.count('/')
    parts = _CODE.split(markdown)
    parts[::2] = [_FORMULA.sub(_mathml, part) for part in parts[::2]]
    return _LINK.sub(lambda link: link[1] if link[2].count('../') > depth else link[0], ''.join(parts))


def _mathml(formula: re.Match[str]) -> str:
    block, inline = formula.groups()
    # A span, because Markdown takes a line that starts with <math> for a block.
    return convert(block.strip(), display='block') if block else f'<span>{convert(inline)}</span>'
