"""Everything about one version of a model in one value: what it was asked, how it reads tables, how it predicts, and what is known of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl

from assayline.errors import MisuseError, Refused, Unreadable

from .encoder import PLAN, Encoder, plan_bytes, read_plan
from .golden import OUTPUTS, ROWS, Golden, read_golden
from .predictor import Predictor, load_predictor
from .stored import AGAIN, Array, Stored, below, nested, parsed, plain, written
from .unsafe import SHA

FORMAT = 1  # of the bundle; a later one is refused by name, an earlier one is read for ever
MANIFEST, SCHEMA, PROFILE, METRICS, ENVIRONMENT, MORE = "manifest.json", "schema.json", "profile.bin", "metrics.json", "environment.json", "more.json"
DOCUMENTS = (SCHEMA, METRICS, ENVIRONMENT, MORE)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Bundle:
    """One version of a model.

    Args:
        name: of the model, such as "churn".
        version: such as "v8".
        plan: how tables become its input; holds the target, task, classes, key, time and horizon.
        predictor: the model.
        baselines: what it has to beat, by name, fitted on the same rows.
        owner, purpose: who answers for it, and what it is for.
        cost: the cost matrix or the cost per unit, as JSON values; None for none.
        created: when, as ISO 8601 text; "" leaves the bytes free of it.
        parents: digests of the lots and models it was made from.
        code: digest of the code that made it, or "".
        schema: type of each column of the training table, by name.
        profile: the profile of the training table, in the caller's own form.
        golden: rows with outputs, or None.
        metrics: what was measured when it was trained.
        environment: what it was made on; see `environment_here`.
        more: whatever else belongs to it, as JSON values (the leaderboard, the learning curve, the sentence of the choice).

    Raises:
        MisuseError: parts do not fit each other.
    """

    name: str
    version: str
    plan: Encoder
    predictor: Predictor
    baselines: Mapping[str, Predictor] = field(default_factory=_nothing)
    owner: str = ""
    purpose: str = ""
    cost: Mapping[str, Any] | None = None
    created: str = ""
    parents: tuple[str, ...] = ()
    code: str = ""
    schema: Mapping[str, str] = field(default_factory=_nothing)
    profile: bytes = b""
    golden: Golden | None = None
    metrics: Mapping[str, Any] = field(default_factory=_nothing)
    environment: Mapping[str, Any] = field(default_factory=_nothing)
    more: Mapping[str, Any] = field(default_factory=_nothing)
    _packed: list[dict[str, bytes]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "baselines", MappingProxyType(dict(self.baselines)))
        for what, text in (("name", self.name), ("version", self.version), *(("name of a baseline", one) for one in self.baselines)):
            if not NAME.fullmatch(text):
                raise MisuseError(f"{text!r} cannot be the {what}: use up to 100 letters, digits, dots, dashes and underscores, a letter or digit first")
        wrong = [one for one in self.parents if not DIGEST.fullmatch(one)]
        if wrong:
            raise MisuseError(f"{wrong[0]!r} is no digest of a parent: give 'sha256:' and 64 hexadecimal digits")
        for what in ("schema", "metrics", "environment", "more", *(("cost",) if self.cost is not None else ())):
            object.__setattr__(self, what, MappingProxyType(json_values(getattr(self, what), what)))
        classes, width = len(self.plan.classes), len(self.plan.features)
        for what, one in (("model", self.predictor), *self.baselines.items()):
            if one.classes != classes or one.width not in (0, width):
                raise MisuseError(
                    f"the {what} ({one.kind}: {one.classes} classes, {one.width} columns) does not fit the plan ({classes} classes, {width} columns): "
                    "train it on what this plan encodes"
                )

    @property
    def task(self) -> str:
        """ "binary", "multiclass" or "regression"."""
        return self.plan.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the probabilities; empty for regression."""
        return self.plan.classes

    @property
    def target(self) -> str:
        """The column that is predicted."""
        return self.plan.problem.target

    def predict(self, table: pl.DataFrame) -> Array:
        """Predictions for a raw table.

        Args:
            table: any table with at least the key columns; see `framing`.

        Returns:
            Regression: (rows,). Classification: (rows, classes), probabilities.
        """
        return self.predictor.predict(self.plan.encode(table))

    def row_predictor(self) -> Callable[[Mapping[str, Any]], Array]:
        """A function from one row, as a mapping, to its prediction: (1,) or (1, classes); no library of frames on the way."""
        encode, predict = self.plan.row_encoder(), self.predictor.predict
        import numpy as np

        return lambda row: predict(np.array([encode(row)], dtype=np.float64))

    @property
    def digest(self) -> str:
        """What the version is known by: "sha256:" and 64 hexadecimal digits over its manifest, which holds the digests of all its members."""
        return SHA + hashlib.sha256(self.members()[MANIFEST]).hexdigest()

    def members(self) -> dict[str, bytes]:
        """All its files by name, the manifest among them."""
        if not self._packed:
            found = {
                PLAN: plan_bytes(self.plan), SCHEMA: written(dict(self.schema)), METRICS: written(dict(self.metrics)), ENVIRONMENT: written(dict(self.environment)),
                MORE: written(dict(self.more)), PROFILE: bytes(self.profile), **nested("predictor", self.predictor.members()),
            }  # fmt: skip
            for name, one in self.baselines.items():
                found |= nested(f"baselines/{name}", one.members())
            found |= self.golden.members() if self.golden else {}
            # Through text and back: what is compared when it is read has to be what was written.
            self._packed.append({**found, MANIFEST: written(json.loads(written(self._manifest(found))))})
        return self._packed[0]

    def _manifest(self, members: Mapping[str, bytes]) -> dict[str, Any]:
        problem = self.plan.problem
        return {
            "format": FORMAT, "name": self.name, "version": self.version, "task": self.task, "classes": list(self.classes), "target": problem.target,
            "key": list(problem.keys), "time": problem.time, "horizon": problem.horizon, "owner": self.owner, "purpose": self.purpose,
            "cost": None if self.cost is None else dict(self.cost), "created": self.created, "parents": list(self.parents), "code": self.code,
            "baselines": sorted(self.baselines), "kind": self.predictor.kind,
            "members": {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in members.items()},
        }  # fmt: skip


def json_values(value: Any, what: str) -> Any:
    """Values of metrics and the like as JSON has them: numbers of NumPy as numbers, NaN and infinities as texts.

    >>> json_values({"auc": float("nan"), "rows": (1, 2)}, "metrics")
    {'auc': 'nan', 'rows': [1, 2]}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_values(one, what) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(one, what) for one in value]
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy
        return json_values(value.tolist(), what)
    if isinstance(value, float):
        return plain(value)
    raise MisuseError(f"{what} holds a {type(value).__name__}, which JSON cannot: give numbers, texts, lists and mappings")


def bundle_of(members: Mapping[str, bytes], where: str, *, allowed: Iterable[str] = ()) -> Bundle:
    """The bundle whose members these are, every digest verified.

    Raises:
        Unreadable: a member is missing, superfluous, changed or not what it should be, or the format is a later one.
        UnsafeArtefact: the model inside runs code when it is loaded, and is not allowed.
    """
    if MANIFEST not in members:
        raise Unreadable(where, "it has no manifest, so it is no bundle", place=MANIFEST, next_step="name a file that `assay train` or `write` made")
    manifest, stored = parsed(members[MANIFEST], where, MANIFEST), Stored({}, where)
    format = manifest.get("format")
    if isinstance(format, int) and format > FORMAT:
        raise Unreadable(where, f"it has the format {format}, and this version reads up to {FORMAT}", place=MANIFEST, next_step="update Assayline")
    if format != FORMAT or isinstance(format, bool):
        raise stored.wrong(f"'format' is {format!r} and should be {FORMAT}", MANIFEST)
    _verify(manifest.get("members"), members, where)
    texts = {}
    for name in ("name", "version", "owner", "purpose", "created", "code"):
        if not isinstance(manifest.get(name), str):
            raise stored.wrong(f"{name!r} is not a text", MANIFEST)
        texts[name] = manifest[name]
    lists = [manifest.get("parents"), manifest.get("baselines")]
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists):
        raise stored.wrong("'parents' or 'baselines' is not a list of texts", MANIFEST)
    parents, names = (tuple(map(str, one or ())) for one in lists)
    cost = manifest.get("cost")
    if cost is not None and not isinstance(cost, dict):
        raise stored.wrong("'cost' is neither an object nor null", MANIFEST)
    for name in (PLAN, PROFILE, *DOCUMENTS):
        if name not in members:
            raise Unreadable(where, "it is missing", place=name, next_step=AGAIN)
    plan = read_plan(members[PLAN], where)
    documents = {name: parsed(members[name], where, name) for name in DOCUMENTS}
    if not all(isinstance(one, str) for one in documents[SCHEMA].values()):
        raise stored.wrong("the type of a column is not a text", SCHEMA)
    known = {MANIFEST, PLAN, PROFILE, *DOCUMENTS, *((ROWS, OUTPUTS) if ROWS in members and OUTPUTS in members else ())}
    folders = ("predictor/", *(f"baselines/{name}/" for name in names))
    extra = sorted(name for name in members if name not in known and not name.startswith(folders))
    if extra:
        raise Unreadable(where, "it belongs to no bundle of this format", place=extra[0], next_step=AGAIN)

    def loaded(folder: str) -> Predictor:
        return load_predictor(below(folder, members), where=where, folder=folder, allowed=allowed)

    try:
        bundle = Bundle(
            plan=plan, predictor=loaded("predictor"), baselines={name: loaded(f"baselines/{name}") for name in names}, parents=parents, cost=cost,
            schema=documents[SCHEMA], profile=members[PROFILE], metrics=documents[METRICS], environment=documents[ENVIRONMENT], more=documents[MORE],
            golden=read_golden(members, where, len(plan.classes)) if ROWS in known else None, **texts,
        )  # fmt: skip
    except MisuseError as error:
        raise stored.wrong(str(error), MANIFEST) from error
    for key, value in bundle._manifest({}).items():
        if key != "members" and manifest.get(key) != value:
            raise stored.wrong(f"{key!r} is {manifest.get(key)!r}, and its other files say {value!r}", MANIFEST)
    bundle._packed.append(dict(members))  # as they were read: a later version must not give an old bundle another digest
    return bundle


def _verify(listed: object, members: Mapping[str, bytes], where: str) -> None:
    if not isinstance(listed, dict):
        raise Unreadable(where, "'members' is not an object", place=MANIFEST, next_step=AGAIN)
    missing, extra = sorted({*listed} - {*members}), sorted({*members} - {*listed, MANIFEST})
    if missing:
        raise Unreadable(where, "the manifest lists it, and it is missing", place=str(missing[0]), next_step=AGAIN)
    if extra:
        raise Refused(where, "the manifest does not list it", place=extra[0], next_step="somebody added it; ask for the file as it was written")
    for name, facts in listed.items():
        digest = hashlib.sha256(members[name]).hexdigest()
        if not isinstance(facts, dict) or facts.get("sha256") != digest or facts.get("bytes") != len(members[name]):
            raise Unreadable(where, f"its digest is {digest[:12]}…, not the one in the manifest: its bytes were changed", place=name, next_step=AGAIN)
