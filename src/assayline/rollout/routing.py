"""The routing of a rollout for those who serve elsewhere: manifests for KServe and for Argo Rollouts, made from what `assay rollout status --json` says.

Both share out requests, not units: a customer who comes twice may meet both versions. `assay serve` itself keeps each unit with one version.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
MOST_NAME = 63  # letters of a name in Kubernetes (RFC 1123)
PATIENCE = {"consecutiveErrorLimit": 60}  # questions a minute apart that the judge may leave unanswered before Argo gives up and goes back
ALONE = ("--sample", "0")  # requests would become lots of a project that ends with its pod
_NAMED = {"\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r", "\x1b": "\\e", '"': '\\"', "\\": "\\\\"}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})  # which YAML 1.1 takes for something else than text


@dataclass(frozen=True)
class Places:
    """Where versions run: what a manifest has to name and a ledger does not know.

    Args:
        image: a container image with Assayline in it.
        project: the folder of the project in the container.
        storage: where KServe fetches the project from ("s3://bucket/project"), to `/mnt/models`; "" where the image has it.
        namespace: of Kubernetes; "" for the one that is current.
        port: on which the container answers.
        replicas: pods of an Argo Rollout.
        secret: with `tls.crt`, `tls.key` and `tokens`, for pods that are reached over the network.
        judge: address of the `assay serve` that knows the rollout; Argo asks it whether to go on.

    >>> Places().port
    8080
    """

    image: str = "assayline:latest"
    project: str = "/srv/project"
    storage: str = ""
    namespace: str = ""
    port: int = 8080
    replicas: int = 4
    secret: str = "assay-serve"
    judge: str = "https://assay-serve:8080"


def kserve(document: Document, places: Places | None = None) -> str:
    """An InferenceService for KServe in its Serverless mode, with the share of the stage the rollout is in.

    Args:
        document: of the rollout.
        places: where versions run.

    Returns:
        YAML, to be applied at every stage again. Of a rollout that is over, or whose challenger answers nobody yet, it names one version and no share.

    >>> document = {"model": "churn", "rollout": 12, "state": "running", "share": 5, "champion": {"label": "churn:v6"}, "challenger": {"label": "churn:v7"}}
    >>> [line.strip() for line in kserve(document).splitlines() if "canary" in line and "#" not in line]
    ['canaryTrafficPercent: 5']
    """
    where = places or Places()
    share, state = _share(document), _state(document)
    newest = _label(document, "challenger") if share else _label(document, "champion")
    project = "/mnt/models" if where.storage else where.project
    container: dict[str, Any] = {
        "name": "kserve-container", "image": where.image, "args": ["serve", newest, "--project", project, "--host", "127.0.0.1", "--port", str(where.port), *ALONE],
        "ports": [{"containerPort": where.port, "name": "http1", "protocol": "TCP"}],
        **({"env": [{"name": "STORAGE_URI", "value": where.storage}]} if where.storage else {}),
    }  # fmt: skip
    predictor: dict[str, Any] = {**({"canaryTrafficPercent": _whole(share)} if 0 < share < 100 else {}), "containers": [container]}
    metadata = _metadata(document, where, _name(str(document.get("model") or "model")))
    if where.storage:  # KServe mounts what it fetched for reading only, and a project has a ledger that is written
        metadata["annotations"]["storage.kserve.io/readonly"] = "false"
    manifest = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": {"predictor": predictor}}
    said = [
        f"Rollout {_text(document.get('rollout'))} of {_text(document.get('model'))}: {_text(_label(document, 'challenger'))} against {_text(_label(document, 'champion'))}, {state}.",
        "Apply it once with the champion alone (the export of a rollout that answers nobody yet), then again after each move of the rollout.",
        "KServe gives canaryTrafficPercent of the requests to this version, and the others to the one that was applied before it.",
        "This needs the Serverless mode (Knative). In the mode RawDeployment (by now called Standard) KServe ignores canaryTrafficPercent, without an error or a warning,",
        "and all requests go to this version at once: kserve/kserve issues 4074 and 5335. From KServe 0.20 on there is spec.canary for that mode, which is another field.",
        "Knative's proxy runs in the same pod, so that the server listens on loopback and the mesh brings encryption and accounts.",
        "Shares are of requests, not of units: one who comes twice may meet both versions. `assay serve` without a version keeps each unit with one version.",
        "--sample 0: where all pods share a ledger (PostgreSQL) and a store, take it away, and requests become lots of a flow.",
    ]
    if not share:
        said.append(f"The challenger answers nobody: the rollout is {state}{', ' + _mode(document) if state == 'running' else ''}.")
    if 0 < share < 100 and share != _whole(share):
        said.append(f"KServe takes whole per cents: {share:g} is written as {_whole(share)}.")
    return _yaml([manifest], said)


def argo(document: Document, places: Places | None = None) -> str:
    """A Rollout for Argo Rollouts with a step for each share, and the AnalysisTemplates by which it follows the judge.

    Each step waits until the judge has let the rollout reach its share; that it was taken back is asked all the time, and aborts.

    Args:
        document: of the rollout.
        places: where versions run.

    Returns:
        YAML of three documents, to be applied once: when the rollout moves, Argo follows.

    >>> document = {"model": "churn", "rollout": 12, "champion": {"label": "churn:v6"}, "challenger": {"label": "churn:v7"}, "stages": [{"mode": "canary", "share": 5}]}
    >>> [line.strip() for line in argo(document).splitlines() if "setWeight" in line]
    ['- setWeight: 5']
    """
    where = places or Places()
    model, challenger = str(document.get("model") or "model"), _label(document, "challenger")
    name = _name(model)
    undone, reached = f"{_short(name)}-not-taken-back", f"{_short(name)}-has-reached"
    steps: list[dict[str, Any]] = []
    for share in _shares(document):
        steps.append({"analysis": {"templates": [{"templateName": reached}], "args": [{"name": "share", "value": f"{share:g}"}]}})
        steps.append({"setWeight": _whole(share)})
    labels = {"app": name}
    mounted = [{"name": "secret", "mountPath": "/etc/assay", "readOnly": True}]
    container = {
        "name": "assay", "image": where.image,
        "args": [
            "serve", challenger, "--project", where.project, "--host", "0.0.0.0", "--port", str(where.port), "--certificate", "/etc/assay/tls.crt", "--key", "/etc/assay/tls.key",
            "--tokens", "/etc/assay/tokens", *ALONE,
        ],
        "ports": [{"containerPort": where.port, "name": "https"}], "readinessProbe": {"httpGet": {"path": "/ready", "port": where.port, "scheme": "HTTPS"}}, "volumeMounts": mounted,
    }  # fmt: skip
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": _metadata(document, where, name),
        "spec": {
            "replicas": where.replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": [{"name": "secret", "secret": {"secretName": where.secret}}]}},
            "strategy": {"canary": {"analysis": {"templates": [{"templateName": undone}]}, "steps": steps}},
        },
    }  # fmt: skip
    # A rollout that ended long ago is no longer told: then it matters who answers.
    answers = f"result.models[0].version == {json.dumps(challenger)}"
    is_on = f'result.rollout != nil && result.rollout.challenger == {json.dumps(challenger)} && result.rollout.state in ["running", "promoted"]'
    templates = [
        _template(document, where, undone, [], {"successCondition": f"({is_on}) || {answers}", "failureCondition": f"!(({is_on}) || {answers})", "failureLimit": 0, "interval": "1m", **PATIENCE}),
        _template(
            document, where, reached, [{"name": "share"}],
            {
                **PATIENCE, "failureLimit": -1, "consecutiveSuccessLimit": 1, "interval": "1m",
                "successCondition": f"({is_on} && result.rollout.share >= asFloat('{{{{args.share}}}}')) || {answers}",
            },
        ),
    ]  # fmt: skip
    said = [
        f"Rollout {_text(document.get('rollout'))} of {_text(model)}: {_text(challenger)} against {_text(_label(document, 'champion'))}.",
        "Before this, the Rollout ran the champion: Argo takes what ran before as the stable version. Needs Argo Rollouts 1.8 or later (consecutiveSuccessLimit).",
        "Without trafficRouting the weights are shares of the pods, so that a small share needs many replicas; with it they are shares of the requests.",
        "Shares are of requests, not of units: one who comes twice may meet both versions. `assay serve` without a version keeps each unit with one version.",
        f"The judge is asked at {_text(where.judge)}/metadata; the secret {_text(where.secret)} has tls.crt, tls.key, and the tokens of which `token` is sent.",
    ]
    if not steps:
        said.append("The challenger is never to answer anybody in this rollout, so there is no step.")
    return _yaml([rollout, *templates], said)


def _template(document: Document, places: Places, name: str, arguments: Sequence[Document], condition: Document) -> dict[str, Any]:
    model = str(document.get("model") or "model")
    web = {
        "url": f"{places.judge.rstrip('/')}/metadata", "timeoutSeconds": 20, "headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}],
        "jsonPath": f"{{$.models[?(@.name=={json.dumps(model)})]}}",
    }  # fmt: skip
    token = {"name": "token", "valueFrom": {"secretKeyRef": {"name": places.secret, "key": "token"}}}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": _metadata(document, places, name),
        "spec": {"args": [*arguments, token], "metrics": [{"name": "rollout", **condition, "provider": {"web": web}}]},
    }  # fmt: skip


# What the document says.


def _label(document: Document, arm: str) -> str:
    one = document.get(arm)
    return str(one.get("label") or "") if isinstance(one, Mapping) else str(one or "")


def _state(document: Document) -> str:
    return {"rolled_back": "rolled back"}.get(str(document.get("state") or "running"), str(document.get("state") or "running"))


def _mode(document: Document) -> str:
    stages = document.get("stages") or [{}]
    return f"in {stages[min(int(document.get('stage') or 0), len(stages) - 1)].get('mode', 'shadow')}"


def _share(document: Document) -> float:
    """Per cent of the requests that the challenger answers now."""
    return {"running": float(document.get("share") or 0.0), "promoted": 100.0}.get(str(document.get("state") or "running"), 0.0)


def _shares(document: Document) -> list[float]:
    found = [float(one.get("share") or 0.0) for one in document.get("stages") or ()]
    return list(dict.fromkeys(one for one in found if one > 0))


def _whole(share: float) -> int:
    """As a whole per cent, which is neither none nor all where the share is neither.

    >>> _whole(0.2), _whole(99.8), _whole(5.0)
    (1, 99, 5)
    """
    return min(max(round(share), 1), 99) if 0 < share < 100 else round(share)


def _metadata(document: Document, places: Places, name: str) -> dict[str, Any]:
    annotations = {
        "assayline/rollout": str(document.get("rollout") or ""), "assayline/model": str(document.get("model") or ""), "assayline/champion": _label(document, "champion"),
        "assayline/challenger": _label(document, "challenger"), "assayline/state": str(document.get("state") or "running"), "assayline/salt": str(document.get("salt") or ""),
        "assayline/unit": str(document.get("unit") or ""),
    }  # fmt: skip
    return {"name": name, **({"namespace": _name(places.namespace)} if places.namespace else {}), "annotations": {key: said for key, said in annotations.items() if said}}


def _name(name: str) -> str:
    """As Kubernetes takes it: small letters, digits and dashes, at most 63. Different names stay different.

    >>> _name("churn"), _name("Churn score")
    ('churn', 'churn-score-7d137fd9')
    """
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if made == name and len(made) <= MOST_NAME and made[:1].isalpha():
        return made
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    made = made if made[:1].isalpha() else f"model-{made}".rstrip("-")
    return f"{made[: MOST_NAME - 9].rstrip('-')}-{mark}"


def _short(name: str) -> str:
    """A name to which up to 16 letters are added; different names stay different."""
    if len(name) <= MOST_NAME - 16:
        return name
    return f"{name[: MOST_NAME - 25].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


# YAML, by hand: the few shapes that are needed, with every text that is not plainly a word in quotes.


def _yaml(documents: Sequence[Document], comments: Sequence[str]) -> str:
    head = "".join(f"# {line}\n" for line in comments)
    return head + "---\n".join("".join(f"{line}\n" for line in _lines(one)) for one in documents)


def _lines(value: object) -> list[str]:
    """A mapping or a list, line by line."""
    if isinstance(value, Mapping):
        return [line for key, one in value.items() for line in _entry(f"{_scalar(str(key))}:", one)]
    lines: list[str] = []
    for one in value if isinstance(value, (list, tuple)) else ():
        if isinstance(one, (Mapping, list, tuple)) and one:
            first, *rest = _lines(one)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        else:
            lines.append(f"- {_scalar(one)}")
    return lines


def _entry(key: str, value: object) -> list[str]:
    if isinstance(value, (Mapping, list, tuple)) and value:
        return [key, *(f"  {line}" for line in _lines(value))]
    return [f"{key} {_scalar(value)}"]


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    said = str(value)
    return said if _PLAIN.fullmatch(said) and said.lower() not in _WORDS else _quoted(said)


def _quoted(text: str) -> str:
    """In double quotes, with everything escaped that could end them, break the line, or hide.

    >>> _quoted('a"b\\n\\u202e: #')
    '"a\\\\"b\\\\n\\\\u202e: #"'
    """
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if 0xD800 <= code <= 0xDFFF:  # half of a pair: no YAML can hold it
        return "\\ufffd"
    if char.isprintable():
        return char
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _text(value: object) -> str:
    """A foreign text within a comment: on one line, with nothing hidden."""
    said = str(value if value is not None else "")
    return said if re.fullmatch(r"[\w.:/@ -]*", said, re.ASCII) else _quoted(said)
