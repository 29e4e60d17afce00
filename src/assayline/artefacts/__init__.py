"""What a trained model is kept as: predictors without code, one file that holds everything about them, and the refusal of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .blend import Blend
    from .boosted import Boosted
    from .bundle import Bundle, bundle_of
    from .calibrated import Calibrated
    from .constant import Constant
    from .encoder import AsIs, Encoder
    from .expanded import Expanded, Term
    from .foreign import Brought, bring_in, bring_in_file
    from .golden import Difference, Golden, check_golden
    from .interval import Interval
    from .keeping import read, write
    from .layout import Layout
    from .linear import Linear
    from .onnx_model import Onnx
    from .predictor import Predictor, load_predictor
    from .rescaled import Rescaled
    from .sandboxed import Sandboxed
    from .seasonal import Seasonal
    from .selected import Selected
    from .surroundings import environment_here, fits_here
    from .unsafe import recognised, refuse_unsafe

__all__ = [
    "AsIs", "Blend", "Boosted", "Brought", "Bundle", "Calibrated", "Constant", "Difference", "Encoder", "Expanded", "Golden", "Interval",
    "Layout", "Linear", "Onnx", "Predictor", "Rescaled", "Sandboxed", "Seasonal", "Selected", "Term", "bring_in", "bring_in_file", "bundle_of",
    "check_golden", "environment_here", "fits_here", "load_predictor", "read", "recognised", "refuse_unsafe", "write",
]  # fmt: skip

_HOMES = {
    "AsIs": "encoder", "Blend": "blend", "Boosted": "boosted", "Brought": "foreign", "Bundle": "bundle", "Calibrated": "calibrated",
    "Constant": "constant", "Difference": "golden", "Encoder": "encoder", "Expanded": "expanded", "Golden": "golden", "Interval": "interval",
    "Layout": "layout", "Linear": "linear", "Onnx": "onnx_model", "Predictor": "predictor", "Rescaled": "rescaled", "Sandboxed": "sandboxed",
    "Seasonal": "seasonal", "Selected": "selected", "Term": "expanded", "bring_in": "foreign", "bring_in_file": "foreign", "bundle_of": "bundle", "check_golden": "golden",
    "environment_here": "surroundings", "fits_here": "surroundings", "load_predictor": "predictor", "read": "keeping",
    "recognised": "unsafe", "refuse_unsafe": "unsafe", "write": "keeping",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use: a constant needs no LightGBM.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.artefacts' has no attribute {name!r}")
