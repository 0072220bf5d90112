"""Selection: which decoders the heads of a network allow, and which of them the options ask for."""

from collections.abc import Callable, Sequence

from ..headmeta import Caf, Cif, CifDet, HeadMeta
from .contract import Decoder
from .options import DecoderOptions

Build = Callable[[], Decoder]


def decoders(metas: Sequence[HeadMeta], options: DecoderOptions) -> list[Decoder]:
    """The decoders for a network's heads.

    A `Cif` head and the `Caf` head of its data set make a ``cifcaf``, with the data set's dense `Caf` head if there is
    one; a `CifDet` head makes a ``cifdet``. ``cifcaf:0`` is the first of its kind.

    Args:
        metas: heads of the network, all or some, bound.
        options: what to use, and how.

    Raises:
        ValueError: the options name a decoder that the heads do not allow or ask for dense connections without a dense
            head, or the heads allow no decoder at all.
    """
    known = _known(metas, options)
    if not known:
        heads = ', '.join(f'{meta.dataset}.{meta.name}' for meta in metas) or 'none'
        raise ValueError(f'no decoder fits the heads of this network: {heads}. It takes a Cif and a Caf, or a CifDet')
    dense = any(isinstance(meta, Caf) and meta.dense for meta in metas)
    if options.dense_connections > 0.0 and not dense:
        raise ValueError(
            '--dense-connections needs a dense head, and this network has none. Train with --cocokp-with-dense'
        )
    return [build() for build in _selected(known, options.decoder)]


def _known(metas: Sequence[HeadMeta], options: DecoderOptions) -> dict[str, list[Build]]:
    """What the heads allow: {name: decoders to build, in the order of the heads}."""
    known: dict[str, list[Build]] = {}
    for meta in metas:
        if isinstance(meta, CifDet):
            known.setdefault('cifdet', []).append(_cifdet(meta, options))
        elif isinstance(meta, Cif) and (caf := _associated(meta, metas, dense=False)):
            known.setdefault('cifcaf', []).append(_cifcaf(meta, caf, _associated(meta, metas, dense=True), options))
    return known


def _associated(cif: Cif, metas: Sequence[HeadMeta], *, dense: bool) -> Caf | None:
    """The head that connects the keypoints of ``cif``."""
    for meta in metas:
        if (
            isinstance(meta, Caf)
            and meta.dense == dense
            and meta.dataset == cif.dataset
            and meta.skeleton == cif.skeleton
        ):
            return meta
    return None


# Kernels are imported when they are needed, so that `pifpaf --help` does without numba.


def _cifcaf(cif: Cif, caf: Caf, dense: Caf | None, options: DecoderOptions) -> Build:
    def build() -> Decoder:
        from .cifcaf import CifCaf

        return CifCaf(cif, caf, dense, options=options)

    return build


def _cifdet(meta: CifDet, options: DecoderOptions) -> Build:
    def build() -> Decoder:
        from .cifdet import CifDetDecoder

        return CifDetDecoder(meta, options=options)

    return build


def _selected(known: dict[str, list[Build]], names: Sequence[str]) -> list[Build]:
    """Those that ``names`` ask for, in this order; all if there are no names."""
    selected: list[Build] = []
    for name in names or known:
        kind, _, number = name.partition(':')
        builds = known.get(kind, [])
        if number:
            builds = builds[int(number) : int(number) + 1] if number.isdecimal() else []
        if not builds:
            allowed = ', '.join(f'{kind}:{i}' for kind, builds in known.items() for i in range(len(builds)))
            raise ValueError(f"there is no decoder '{name}' for the heads of this network. Known: {allowed}")
        selected += [build for build in builds if build not in selected]
    return selected
