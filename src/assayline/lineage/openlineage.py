"""Runs and their lots as OpenLineage events, so that catalogues can show them.

Source: OpenLineage specification 2-0-2, https://openlineage.io/spec/2-0-2/OpenLineage.json, and the facets named in `FACETS`.

>>> facts = RunFacts(7, "bikes", "hourly", "failed", "2026-03-01T06:00:00+00:00", error="division by zero")
>>> [(one["eventType"], one["job"]["name"]) for one in run_events(facts, "assayline://bikes", "0.1.0")]
[('START', 'bikes.hourly'), ('FAIL', 'bikes.hourly')]
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from assayline.core import Verdict

from .columns import Use
from .tags import Tag

SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
OWN = "urn:assayline:openlineage:1"  # facets of our own
# name of the facet -> version of its schema, name of the schema
FACETS = {
    "columnLineage": ("1-0-1", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": ("1-0-1", "DataQualityAssertionsDatasetFacet"),
    "dataQualityMetrics": ("1-0-2", "DataQualityMetricsInputDatasetFacet"),
    "errorMessage": ("1-0-0", "ErrorMessageRunFacet"),
    "jobType": ("2-0-3", "JobTypeJobFacet"),
    "outputStatistics": ("1-0-1", "OutputStatisticsOutputDatasetFacet"),
    "processing_engine": ("1-1-0", "ProcessingEngineRunFacet"),
    "schema": ("1-0-0", "SchemaDatasetFacet"),
    "tags": ("1-0-0", "TagsDatasetFacet"),
    "version": ("1-0-0", "DatasetVersionDatasetFacet"),
}
ENDS = {"done": "COMPLETE", "held": "COMPLETE", "failed": "FAIL", "stopped": "ABORT"}
LONGEST_ERROR = 10_000


@dataclass(frozen=True)
class Dataset:
    """One lot that a run read or made.

    Args:
        flow: its flow, which is the dataset; the lot is its version.
        lot: its number.
        digest: of its content.
        verdict: of the gate.
        rows: released.
        columns: in order.
        figures: for each column what charts over time need, as `LotRecord.figures["columns"]`.
        findings: as the ledger keeps them, notes left out.
        tags: those that hold or were weakened.
    """

    flow: str
    lot: int
    digest: str = ""
    verdict: Verdict = Verdict.RELEASE
    rows: int = 0
    columns: Sequence[str] = ()
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    findings: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[Tag] = ()


@dataclass(frozen=True)
class RunFacts:
    """One run of a step, with what it read and made; the fields are those of the ledger."""

    run: int
    line: str
    step: str
    state: str
    at: str
    seconds: float = 0.0
    inputs: Sequence[Dataset] = ()
    output: Dataset | None = None
    code: str = ""
    environment: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    columns: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    error: str = ""


def run_events(facts: RunFacts, namespace: str, version: str) -> list[dict[str, Any]]:
    """The two events of a run that is over: START and how it ended.

    Args:
        facts: of the run.
        namespace: of its job and its datasets: what tells this project from others.
        version: of assayline.

    Returns:
        Plain JSON values. The same run gives the same events: a receiver that gets them twice knows them again.
    """
    writer = _Writer(namespace, f"urn:assayline:{version}", version)
    end = _moment(facts.at) + timedelta(seconds=max(0.0, facts.seconds))
    inputs = [writer.read(one) for one in facts.inputs]
    outputs = [] if facts.output is None else [writer.made(facts.output, facts.columns)]
    return [
        writer.event(facts, "START", _moment(facts.at), inputs, []),
        writer.event(facts, ENDS.get(facts.state, "OTHER"), end, inputs, outputs),
    ]


@dataclass(frozen=True)
class _Writer:
    namespace: str
    producer: str
    version: str

    def event(self, facts: RunFacts, kind: str, at: datetime, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> dict[str, Any]:
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.namespace} run {facts.run}")
        return {
            "eventType": kind, "eventTime": at.isoformat(), "producer": self.producer, "schemaURL": EVENT,
            "run": {"runId": str(identity), "facets": self._of_run(facts, kind)},
            "job": {
                "namespace": self.namespace, "name": f"{facts.line}.{facts.step}" if facts.line else facts.step,
                "facets": {"jobType": self.facet("jobType", processingType="BATCH", integration="ASSAYLINE", jobType="STEP")},
            },
            "inputs": inputs, "outputs": outputs,
        }  # fmt: skip

    def facet(self, name: str, /, **values: Any) -> dict[str, Any]:
        version, schema = FACETS[name]
        return {"_producer": self.producer, "_schemaURL": f"{SPEC}/facets/{version}/{schema}.json#/$defs/{schema}", **values}

    def own(self, name: str, /, **values: Any) -> dict[str, Any]:
        return {"_producer": self.producer, "_schemaURL": f"{OWN}:{name}", **values}

    def read(self, one: Dataset) -> dict[str, Any]:
        """A lot as an input."""
        quality = {"dataQualityMetrics": self._metrics(one), "dataQualityAssertions": self._assertions(one)}
        return {"namespace": self.namespace, "name": one.flow, "facets": self._of_dataset(one), "inputFacets": quality}

    def made(self, one: Dataset, columns: Mapping[str, Any]) -> dict[str, Any]:
        """A lot as an output; what is known of its quality stands there too, for most catalogues look at outputs."""
        facets = {**self._of_dataset(one), "dataQualityMetrics": self._metrics(one), "dataQualityAssertions": self._assertions(one)}
        if columns.get("from"):
            facets["columnLineage"] = self._lineage(Use.from_json(columns))
        return {
            "namespace": self.namespace, "name": one.flow, "facets": facets, "outputFacets": {"outputStatistics": self.facet("outputStatistics", rowCount=one.rows)},
        }  # fmt: skip

    def _of_run(self, facts: RunFacts, kind: str) -> dict[str, Any]:
        facets = {
            "processing_engine": self.facet("processing_engine", version=self.version, name="assayline"),
            "assayline_run": self.own("run", run=facts.run, codeDigest=facts.code, environmentDigest=facts.environment, parameters=dict(facts.parameters)),
        }
        if facts.error and kind != "START":
            facets["errorMessage"] = self.facet("errorMessage", message=facts.error[:LONGEST_ERROR], programmingLanguage="PYTHON")
        return facets

    def _of_dataset(self, one: Dataset) -> dict[str, Any]:
        facets = {
            "version": self.facet("version", datasetVersion=f"lot {one.lot}"),
            "schema": self.facet("schema", fields=[_field(name, one.figures) for name in one.columns]),
            "assayline_lot": self.own("lot", lot=one.lot, digest=one.digest, verdict=str(one.verdict)),
        }
        if one.tags:
            facets["tags"] = self.facet("tags", tags=[entry for tag in one.tags for entry in _tag_entries(tag)])
        return facets

    def _metrics(self, one: Dataset) -> dict[str, Any]:
        return self.facet("dataQualityMetrics", rowCount=one.rows, columnMetrics={name: _metric(figures, one.rows) for name, figures in one.figures.items()})

    def _assertions(self, one: Dataset) -> dict[str, Any]:
        """Every finding as an expectation that was not met; a lot without one as a single expectation that was."""
        found = [entry for finding in one.findings for entry in _assertions_of(finding)]
        return self.facet("dataQualityAssertions", assertions=found or [{"assertion": "released", "success": one.verdict == Verdict.RELEASE}])

    def _lineage(self, use: Use) -> dict[str, Any]:
        fields = {
            name: {"inputFields": [{"namespace": self.namespace, "name": flow, "field": column} for flow, column in sources]} for name, sources in use.sources.items()
        }
        return self.facet("columnLineage", fields=fields, assaylineKind=use.kind)


def _field(name: str, figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    kind = figures.get(name, {}).get("kind")
    return {"name": name, "type": str(kind)} if kind else {"name": name}


def _metric(figures: Mapping[str, Any], rows: int) -> dict[str, Any]:
    found: dict[str, Any] = {"count": rows}
    if figures.get("null_share") is not None:
        found["nullCount"] = round(figures["null_share"] * rows)
    if figures.get("distinct") is not None:
        found["distinctCount"] = int(figures["distinct"])
    found |= {name: figures[name] for name in ("min", "max") if isinstance(figures.get(name), int | float)}
    quantiles = {place: figures[name] for name, place in (("p05", "0.05"), ("median", "0.5"), ("p95", "0.95")) if isinstance(figures.get(name), int | float)}
    return {**found, "quantiles": quantiles} if quantiles else found


def _assertions_of(finding: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for column in finding["columns"] or (None,):
        about = {} if column is None else {"column": column}
        yield {"assertion": finding["code"], "success": False, **about, "severity": "error" if finding["severity"] >= 0.6 else "warn", "actual": finding["sentence"]}


def _tag_entries(tag: Tag) -> Iterator[dict[str, str]]:
    said = f"{tag.level} from {tag.origin}, lot {tag.lot}" if tag.holds else f"weakened, {tag.weakened}: from {tag.origin}, lot {tag.lot}"
    for column in tag.here or (None,):
        yield {"key": tag.code, "value": said, "source": "ASSAYLINE", **({} if column is None else {"field": column})}


def _moment(at: str) -> datetime:
    found = datetime.fromisoformat(at)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
