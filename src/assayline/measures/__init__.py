"""What can be measured of a table in one pass: states that merge."""

from __future__ import annotations

from .block import FEW_VALUES, Block, Column
from .clock import Clock, ClockMeasure
from .counts import Counts, CountsMeasure
from .device_steps import DeviceSteps, DeviceStepsMeasure
from .devices import DeviceRuns, DeviceRunsMeasure
from .distinct import Distinct, DistinctMeasure, Sketch
from .figures import figures
from .keys import KeySet, Marks, column_marks, marks_of
from .measure import Measure, installed
from .moments import Moments, MomentsMeasure
from .nature import Nature, Tally, kept, kept_for, natures, tally
from .order import Runs, RunsMeasure, Steps, StepsMeasure
from .packing import packed, unpacked
from .plan import HEAD_ROWS, MISSING_WORDS, ColumnPlan, Plan, parse_number, parse_time
from .profiling import profile, profile_block
from .rows import Rows, RowsMeasure, Sample, SampleMeasure, stacked
from .texts import Characters, CharactersMeasure, Lengths, LengthsMeasure, Shapes, ShapesMeasure, collapsed, shape_of
from .thinning import Movable, Thinnable, moved, thinned
from .values import Values, ValuesMeasure, shown

__all__ = [
    "Block", "Characters", "Clock", "Column", "ColumnPlan", "Counts", "DeviceRuns", "DeviceSteps", "Distinct", "FEW_VALUES", "HEAD_ROWS", "KeySet", "Lengths",
    "MISSING_WORDS", "Marks", "Measure", "Moments", "Movable", "Nature", "Plan", "Rows", "Runs", "Sample", "Shapes", "Sketch", "Steps", "Tally", "Thinnable", "Values",
    "collapsed", "column_marks", "figures", "installed", "kept", "kept_for", "marks_of", "measures", "moved", "natures", "packed", "parse_number", "parse_time", "profile",
    "profile_block", "shape_of", "shown", "stacked", "tally", "thinned", "unpacked",
]


def measures() -> list[Measure]:
    """The built-in measures (hook `assayline.measures`)."""
    return [
        CountsMeasure(), MomentsMeasure(), ValuesMeasure(), DistinctMeasure(), ShapesMeasure(), CharactersMeasure(), LengthsMeasure(),
        RunsMeasure(), DeviceRunsMeasure(), DeviceStepsMeasure(), StepsMeasure(), ClockMeasure(), RowsMeasure(), SampleMeasure(),
    ]  # fmt: skip
