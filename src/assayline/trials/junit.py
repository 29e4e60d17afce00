"""Results of trials as JUnit XML, which every CI server can show.

The form is the one that Jenkins, GitLab and GitHub reporters agree on: `testsuites` > `testsuite` > `testcase` with `failure`, `error` or `skipped`,
then `system-out`, `system-err`. Text is escaped, and characters that XML 1.0 cannot hold are replaced by U+FFFD.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import MisuseError

STATES = ("passed", "failed", "error", "timeout", "skipped")
_UNHOLDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


@dataclass(frozen=True)
class Case:
    """One result.

    Args:
        name: of the trial, unique in its suite.
        state: "passed", "failed", "error" (it broke, which says nothing of the model), "timeout" or "skipped".
        sentence: why, in one line; "" where it passed.
        details: more of it, such as a traceback.
        output, errors: what it printed.
        seconds: it took.
    """

    name: str
    state: str = "passed"
    sentence: str = ""
    details: str = ""
    output: str = ""
    errors: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise MisuseError(f"there is no state {self.state!r} of a trial; there are {', '.join(STATES)}")

    @property
    def bad(self) -> bool:
        """Whether the run as a whole has failed by it."""
        return self.state in ("failed", "error", "timeout")


@dataclass(frozen=True)
class CaseSuite:
    """The results of one version on one test set, or of one file of trials.

    Args:
        name: of the suite: "churn:v8 on churn-q1 v2".
        cases: its results.
        moment: UTC time (ISO 8601) it began at, or "".
        properties: facts about it, such as digests.
    """

    name: str
    cases: tuple[Case, ...]
    moment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


def junit_xml(suites: Sequence[CaseSuite], *, name: str = "assay trial") -> str:
    """All results as one document.

    Args:
        suites: in the order of the document.
        name: of the whole.

    >>> print(junit_xml([CaseSuite("churn:v8", (Case("not worse", seconds=0.5), Case("fair", "failed", "5 points < 3 points")))]))
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="assay trial" tests="2" failures="1" errors="0" skipped="0" time="0.500">
      <testsuite name="churn:v8" tests="2" failures="1" errors="0" skipped="0" time="0.500">
        <testcase name="not worse" classname="churn:v8" time="0.500"/>
        <testcase name="fair" classname="churn:v8" time="0.000">
          <failure message="5 points &lt; 3 points" type="failed"/>
        </testcase>
      </testsuite>
    </testsuites>
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {_totals(name, [case for suite in suites for case in suite.cases])}>"]
    for suite in suites:
        # The usual schema wants a time without fraction and zone.
        moment = f' timestamp="{_attribute(suite.moment[:19])}"' if suite.moment else ""
        lines.append(f"  <testsuite {_totals(suite.name, suite.cases)}{moment}>")
        if suite.properties:
            lines += ["    <properties>", *(f'      <property name="{_attribute(key)}" value="{_attribute(value)}"/>' for key, value in suite.properties.items()), "    </properties>"]
        for case in suite.cases:
            lines += _case(case, suite.name)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"])


def _totals(name: str, cases: Sequence[Case]) -> str:
    seconds = sum(case.seconds for case in cases if math.isfinite(case.seconds))
    counts = {"tests": len(cases), "failures": sum(case.state == "failed" for case in cases), "errors": sum(case.state in ("error", "timeout") for case in cases)}
    counts["skipped"] = sum(case.state == "skipped" for case in cases)
    return " ".join([f'name="{_attribute(name)}"', *(f'{key}="{count}"' for key, count in counts.items()), f'time="{seconds:.3f}"'])


def _case(case: Case, suite: str) -> list[str]:
    seconds = case.seconds if math.isfinite(case.seconds) else 0.0
    inner = []
    if case.state == "skipped":
        inner.append(f'      <skipped message="{_attribute(case.sentence)}"/>')
    elif case.bad:
        tag = "failure" if case.state == "failed" else "error"
        details = f">{_text(case.details)}</{tag}>" if case.details else "/>"
        inner.append(f'      <{tag} message="{_attribute(case.sentence)}" type="{case.state}"{details}')
    inner += [f"      <{tag}>{_text(said)}</{tag}>" for tag, said in (("system-out", case.output), ("system-err", case.errors)) if said]
    head = f'    <testcase name="{_attribute(case.name)}" classname="{_attribute(suite)}" time="{seconds:.3f}"'
    return [f"{head}>", *inner, "    </testcase>"] if inner else [f"{head}/>"]


def _text(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) if letter != '"' else letter for letter in _UNHOLDABLE.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return "".join({"\n": "&#10;", "\t": "&#9;"}.get(letter) or _ESCAPES.get(letter, letter) for letter in _UNHOLDABLE.sub("\ufffd", text))
