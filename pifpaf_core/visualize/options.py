"""Options of every picture: where it goes, how large it is, how poses look, and which fields are shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..options import option

PLOTS = ('confidence', 'regression', 'hr', 'associations')


@dataclass(frozen=True)
class ShowOptions:
    """Show.

    Widths of lines and sizes of text are in points of a figure that is 6.4 inches on its long side.
    """

    save_all: str | None = option(
        None,
        'save every plot, in this folder (without a value: all-images)',
        nargs='?',
        const='all-images',
        metavar='DIR',
    )
    show: bool = option(False, 'open every plot in a window')
    image_width: float | None = option(None, 'width of pictures in inches; smaller makes text and lines larger')
    image_height: float | None = option(None, 'height of pictures in inches')
    image_dpi_factor: float = option(1.0, 'pixels of a picture for each pixel of the photograph')
    image_min_dpi: float = option(
        50.0, 'least pixels an inch: small pictures become less wide, or are enlarged if a width is given'
    )
    show_file_extension: Literal['jpeg', 'jpg', 'png', 'pdf', 'svg'] = option('jpeg', 'file format of pictures')
    textbox_alpha: float = option(0.7, 'opacity of the box behind text')
    text_color: str = option('white', 'color of text')
    font_size: float = option(8.0, 'size of text in points; 0 leaves it out')
    monocolor_connections: bool = option(False, 'one color for each instance instead of one for each connection')
    line_width: float | None = option(None, 'width of connections in points (default: by the size of the instance)')
    skeleton_solid_threshold: float = option(0.5, 'connections with less confidence are dashed; 0 makes all solid')
    show_box: bool = option(False, 'draw the box of each instance')
    white_overlay: float = option(0.0, 'lighten the photograph (without a value: by 0.5)', nargs='?', const=0.5)
    show_joint_scales: bool = option(False, 'draw the size of each keypoint as a box')
    show_joint_confidences: bool = option(False, 'write the confidence beside each keypoint')
    show_decoding_order: bool = option(False, 'number the connections in the order in which the pose was grown')
    show_only_decoded_connections: bool = option(False, 'only draw connections along which the pose was grown')

    def __post_init__(self) -> None:
        for name in ('image_width', 'image_height', 'line_width', 'image_dpi_factor', 'image_min_dpi'):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise ValueError(f'--{name.replace("_", "-")} is {value}. Give a positive number')
        for name in ('textbox_alpha', 'white_overlay'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f'--{name.replace("_", "-")} is {getattr(self, name)}. Give a number from 0 to 1')
        if self.font_size < 0.0:
            raise ValueError(f'--font-size is {self.font_size}. Give a size in points, or 0 for no text')

    @property
    def active(self) -> bool:
        """Whether anybody wants to see plots."""
        return self.show or self.save_all is not None

    def path(self, name: str) -> Path | None:
        """Where the plot called ``name`` is saved, or None if it is only shown."""
        return Path(self.save_all) / f'{name}.{self.show_file_extension}' if self.save_all is not None else None


@dataclass(frozen=True)
class DebugOptions:
    """Visualizer."""

    debug_indices: tuple[str, ...] = option(
        (),
        'fields to plot, as head:field[:plot], e.g. cif:5 caf:5 cif:nose:confidence. '
        f'The field is a number from 0 or a name; plots are {", ".join(PLOTS)} (default: all)',
        metavar='HEAD:FIELD',
    )
    debug_images: bool = option(
        False, 'plot what the network sees, and in it the seeds and poses; in training the annotated poses too'
    )

    def __post_init__(self) -> None:
        for text in self.debug_indices:
            parts = text.split(':')
            if len(parts) not in (2, 3) or not all(parts):
                raise ValueError(f"--debug-indices '{text}' names no field. Write head:field, e.g. cif:5")
            if len(parts) == 3 and parts[2] not in PLOTS:
                raise ValueError(f"--debug-indices '{text}' names no plot. Known: {', '.join(PLOTS)}")

    @property
    def active(self) -> bool:
        """Whether anything is to be plotted."""
        return self.debug_images or bool(self.debug_indices)

    def check(self, show: ShowOptions, *, others: bool = True) -> None:
        """Refuse plots that nobody would see, and a place for plots where there are none.

        Args:
            show: where plots go.
            others: whether there are other plots than these.

        Raises:
            ValueError: debug plots are asked for, but neither ``--save-all`` nor ``--show``; or the other way round.
        """
        if show.active and not self.active and not others:
            raise ValueError('--save-all and --show have nothing to show. Add --debug-images or --debug-indices cif:5')
        if self.active and not show.active:
            raise ValueError('--debug-images and --debug-indices make plots that nobody sees. Add --save-all or --show')
