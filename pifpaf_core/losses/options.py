"""What a user can choose about the training objective."""

from dataclasses import dataclass

from ..options import option


@dataclass(frozen=True)
class LossOptions:
    """Losses.

    Raises:
        ValueError: values outside their range, or that exclude each other.
    """

    lambdas: tuple[float, ...] = option((), 'weight of each head in the total loss, spread over its components')
    component_lambdas: tuple[float, ...] = option((), 'weight of each component, instead of --lambdas')
    auto_tune_mtl: bool = option(False, "tune the weights of the components by Kendall's learned uncertainties")
    auto_tune_mtl_variance: bool = option(False, 'tune the weights of the components by how much they vary')
    focal_alpha: float = option(0.5, 'factor on the confidence loss')
    focal_gamma: float = option(1.0, 'how much the confidence loss focuses on what is predicted badly; 0: not at all')
    bce_soft_clamp: float = option(5.0, 'above this value the confidence loss of a cell grows only logarithmically')
    bce_background_clamp: float = option(-15.0, 'below this raw confidence the background has no loss any more')
    b_scale: float = option(1.0, 'width b of the scale loss: a larger value makes scales less important')
    scale_log: bool = option(False, 'compare logarithms of scales')
    scale_soft_clamp: float = option(5.0, 'above this value the scale loss of a cell grows only logarithmically')
    regression_soft_clamp: float = option(5.0, 'above this value the regression loss grows only logarithmically')

    def __post_init__(self) -> None:
        for name in ('lambdas', 'component_lambdas'):
            if any(not value >= 0.0 for value in getattr(self, name)):
                raise ValueError(f'--{name.replace("_", "-")} has a value below 0. Give 0 or more for each')
        if self.lambdas and self.component_lambdas:
            raise ValueError('--lambdas and --component-lambdas exclude each other. Give one of them')
        if self.auto_tune_mtl and self.auto_tune_mtl_variance:
            raise ValueError('--auto-tune-mtl and --auto-tune-mtl-variance exclude each other. Give one of them')
        for name in ('focal_alpha', 'bce_soft_clamp', 'b_scale', 'scale_soft_clamp', 'regression_soft_clamp'):
            if not getattr(self, name) > 0.0:
                raise ValueError(f'--{name.replace("_", "-")} is {getattr(self, name)}. Give more than 0')
        if not self.focal_gamma >= 0.0:
            raise ValueError(f'--focal-gamma is {self.focal_gamma}. Give 0 or more')
