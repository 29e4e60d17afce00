"""Where lots come from and what follows from it: quality tags, lineage of columns, OpenLineage events. Pure: values in, values out."""

from .columns import Use, column_digests, columns_of_frames, columns_of_sql, declared
from .openlineage import Dataset, RunFacts, run_events
from .tags import FOREVER, Edge, Tag, Weakening, columns_concerned, derived, in_force, joined, verdict_of

__all__ = [
    "FOREVER", "Dataset", "Edge", "RunFacts", "Tag", "Use", "Weakening", "column_digests", "columns_concerned", "columns_of_frames", "columns_of_sql", "declared", "derived", "in_force", "joined",
    "run_events", "verdict_of",
]  # fmt: skip
