"""What a trained model is kept as: predictors without code, one file that holds everything about them, and the refusal of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .blend import Blend
    from .boosted import Boosted
    from .calibrated import Calibrated
    from .constant import Constant
    from .interval import Interval
    from .layout import Layout
    from .linear import Linear
    from .predictor import Predictor, load_predictor
    from .seasonal import Seasonal
    from .selected import Selected

__all__ = ["Blend", "Boosted", "Calibrated", "Constant", "Interval", "Layout", "Linear", "Predictor", "Seasonal", "Selected", "load_predictor"]

_HOMES = {
    "Blend": "blend", "Boosted": "boosted", "Calibrated": "calibrated", "Constant": "constant", "Interval": "interval", "Layout": "layout", "Linear": "linear",
    "Predictor": "predictor", "Seasonal": "seasonal", "Selected": "selected", "load_predictor": "predictor",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use: a constant needs no LightGBM.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.artefacts' has no attribute {name!r}")
