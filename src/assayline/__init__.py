"""Assayline: the quality gate and delivery line for machine-learning systems.

    import assayline
    report = assayline.scan("orders.csv")      # or a pandas, Polars, PyArrow, DuckDB frame
    report.verdict, report.findings, report.cells(), report.split(frame)
    good = assayline.gate("orders", frame)     # in a project: bad rows are in quarantine, good ones come back
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import VERSION as __version__

if TYPE_CHECKING:
    from polars import DataFrame as Table

    from .core import Cell, Finding, Report, Verdict
    from .errors import AssaylineError, LotHeld
    from .line.api import gate
    from .line.definition import Line
    from .line.model_definition import Model
    from .line.progress import progress
    from .scanning import scan
    from .trials import cost_matrix, per_unit, trial

__all__ = ["AssaylineError", "Cell", "Finding", "Line", "LotHeld", "Model", "Report", "Table", "Verdict", "__version__", "cost_matrix", "gate", "per_unit", "progress", "scan", "trial"]

_HOMES = {
    "Cell": "core", "Finding": "core", "Report": "core", "Verdict": "core", "AssaylineError": "errors", "LotHeld": "errors", "Line": "line.definition",
    "Model": "line.model_definition", "cost_matrix": "trials", "per_unit": "trials", "trial": "trials", "gate": "line.api", "progress": "line.progress", "scan": "scanning",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `assay --help` and `import assayline` cost nothing.
    if name == "Table":
        from polars import DataFrame

        return DataFrame
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline' has no attribute {name!r}")
