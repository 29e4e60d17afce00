"""Events: what the OpenLineage specification demands is there, and says what the ledger says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from assayline.core import Verdict
from assayline.lineage import Dataset, RunFacts, Tag, run_events

# What the published schemas of the facets demand, as (required keys, keys of each entry of a list).
REQUIRED: dict[str, tuple[str, ...]] = {
    "columnLineage": ("fields",), "dataQualityAssertions": ("assertions",), "dataQualityMetrics": ("columnMetrics",), "errorMessage": ("message", "programmingLanguage"),
    "jobType": ("processingType", "integration"), "outputStatistics": ("rowCount",), "processing_engine": ("version",), "schema": ("fields",), "tags": ("tags",),
    "version": ("datasetVersion",), "assayline_run": ("run",), "assayline_lot": ("lot",),
}  # fmt: skip
LATE = Tag(Verdict.WARN, "Rows of an hour are missing.", "rides", 3, "missing_day", ("started_at",), here=("started_at",))
FINDING = {"code": "missing_day", "columns": ["started_at"], "severity": 0.5, "sentence": "Rows of an hour are missing.", "layer": "history", "rows": 0, "where": None}
RIDES = Dataset(
    "rides", 3, "sha256:00", Verdict.WARN, 1_000, ("station", "started_at"),
    {"station": {"kind": "category", "null_share": 0.25, "distinct": 3}, "started_at": {"kind": "number", "min": 1, "max": 9, "median": 4}},
    (FINDING,), (LATE,),
)  # fmt: skip
HOURLY = Dataset("hourly", 4, "made:01", Verdict.RELEASE, 20, ("station", "n"))
RUN = RunFacts(
    9, "bikes", "hourly", "done", "2026-03-01T06:00:00+00:00", 2.5, (RIDES,), HOURLY, "sha256:c0de", "sha256:e0", {"days": 7},
    {"kind": "parsed", "from": {"station": [["rides", "station"]], "n": []}, "uses": {"rides": ["station"]}, "rows": {"rides": ["station"]}},
)  # fmt: skip


def facets(value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every facet anywhere in an event, with its name."""
    if isinstance(value, dict):
        for name, one in value.items():
            if isinstance(one, dict) and "_schemaURL" in one:
                yield name, one
            yield from facets(one)
    elif isinstance(value, list):
        for one in value:
            yield from facets(one)


@pytest.mark.parametrize("run", [RUN, RunFacts(1, "", "a\x00b", "failed", "2026-03-01T06:00:00", error="boom"), RunFacts(2, "l", "s", "stopped", "2026-03-01T06:00:00+01:00")])
def test_every_event_and_every_facet_has_what_its_schema_demands(run: RunFacts) -> None:
    for event in json.loads(json.dumps(run_events(run, "assayline://shop", "0.1.0"))):
        assert {"eventType", "eventTime", "producer", "schemaURL", "run", "job"} <= set(event)
        assert event["eventType"] in ("START", "COMPLETE", "FAIL", "ABORT", "OTHER")
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
        assert str(uuid.UUID(event["run"]["runId"])) == event["run"]["runId"]
        assert urlsplit(event["producer"]).scheme
        assert urlsplit(event["schemaURL"]).scheme
        assert all({"namespace", "name"} <= set(one) for one in [event["job"], *event["inputs"], *event["outputs"]])
        found = list(facets(event))
        assert {name for name, _ in found} >= {"jobType", "processing_engine", "assayline_run"}
        for name, facet in found:
            assert set(REQUIRED[name]) | {"_producer", "_schemaURL"} <= set(facet), name
            assert urlsplit(facet["_producer"]).scheme, name


def test_a_run_is_told_by_two_events_with_one_identity() -> None:
    start, end = run_events(RUN, "assayline://shop", "0.1.0")

    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"] == run_events(RUN, "assayline://shop", "0.1.0")[0]["run"]["runId"]
    assert start["run"]["runId"] != run_events(RUN, "assayline://other", "0.1.0")[0]["run"]["runId"]
    assert end["eventTime"] == "2026-03-01T06:00:02.500000+00:00"


def test_findings_tags_and_figures_stand_where_catalogues_look() -> None:
    end = run_events(RUN, "assayline://shop", "0.1.0")[1]
    quality, output = end["inputs"][0]["inputFacets"], end["outputs"][0]

    assert [(one["assertion"], one["success"], one["column"]) for one in quality["dataQualityAssertions"]["assertions"]] == [("missing_day", False, "started_at")]
    assert quality["dataQualityMetrics"]["columnMetrics"]["station"] == {"count": 1000, "nullCount": 250, "distinctCount": 3}
    assert quality["dataQualityMetrics"]["columnMetrics"]["started_at"]["quantiles"] == {"0.5": 4}
    assert [(one["key"], one["field"]) for one in end["inputs"][0]["facets"]["tags"]["tags"]] == [("missing_day", "started_at")]
    assert output["facets"]["columnLineage"]["fields"]["station"]["inputFields"] == [{"namespace": "assayline://shop", "name": "rides", "field": "station"}]
    assert output["facets"]["dataQualityAssertions"]["assertions"] == [{"assertion": "released", "success": True}]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 20


@pytest.mark.parametrize(("state", "kind"), [("done", "COMPLETE"), ("held", "COMPLETE"), ("failed", "FAIL"), ("stopped", "ABORT")])
def test_how_a_run_ended_is_the_type_of_its_second_event(state: str, kind: str) -> None:
    end = run_events(RunFacts(1, "l", "s", state, "2026-03-01T06:00:00+00:00", error="boom"), "n", "0.1.0")[1]

    assert end["eventType"] == kind
    assert end["run"]["facets"]["errorMessage"]["message"] == "boom"
