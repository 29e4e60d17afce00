"""JUnit XML: what CI servers read, whatever the text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.core import Verdict
from assayline.errors import MisuseError
from assayline.trials import Case, CaseSuite, badge, junit_xml

# What the schema of Jenkins (xunit-plugin, junit-10.xsd) allows: attributes of an element, and the elements inside it in their order.
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"}, "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "properties": set(), "property": {"name", "value"}, "testcase": {"name", "classname", "time"}, "failure": {"message", "type"}, "error": {"message", "type"},
    "skipped": {"message"}, "system-out": set(), "system-err": set(),
}  # fmt: skip
INSIDE = {
    "testsuites": ["testsuite"], "testsuite": ["properties", "testcase"], "properties": ["property"],
    "testcase": ["skipped", "error", "failure", "system-out", "system-err"],
}  # fmt: skip


def wrong(element: ElementTree.Element) -> list[str]:
    """Where an element is not what the schema allows."""
    allowed = INSIDE.get(element.tag, [])
    places = [allowed.index(one.tag) if one.tag in allowed else -1 for one in element]
    here = [element.tag] if set(element.attrib) - ATTRIBUTES.get(element.tag, set()) or -1 in places or places != sorted(places) else []
    return here + [one for child in element for one in wrong(child)]


CASES = st.builds(
    Case, name=st.text(), state=st.sampled_from(["passed", "failed", "error", "timeout", "skipped"]), sentence=st.text(), details=st.text(), output=st.text(), errors=st.text(),
    seconds=st.floats(0, 100),
)  # fmt: skip


@given(st.lists(st.builds(CaseSuite, name=st.text(), cases=st.lists(CASES, max_size=3).map(tuple), properties=st.dictionaries(st.text(), st.text(), max_size=2)), max_size=3))
def test_any_text_makes_a_document_that_follows_the_schema(suites: list[CaseSuite]) -> None:
    document = ElementTree.fromstring(junit_xml(suites).encode())

    assert wrong(document) == []
    assert int(document.attrib["tests"]) == sum(len(suite.cases) for suite in suites)
    assert len(document.findall(".//failure")) == int(document.attrib["failures"])
    assert len(document.findall(".//error")) == int(document.attrib["errors"])


def test_text_comes_back_as_it_was() -> None:
    case = Case("a < b & \"c\"", "failed", "line one\nline two", "<script>\x00 ]]> é", "out\r\n", "err")

    read = ElementTree.fromstring(junit_xml([CaseSuite("churn:v8", (case,), "2024-05-31T12:00:00+00:00", {"digest": "sha256:1"})]).encode())[0]

    assert read.attrib["timestamp"] == "2024-05-31T12:00:00"
    found = read.find("testcase")
    assert found is not None
    assert (found.attrib["name"], found[0].attrib["message"], found[0].text) == (case.name, case.sentence, "<script>\ufffd ]]> é")
    assert (found[1].tag, found[1].text) == ("system-out", "out\r\n")


def test_what_went_badly_is_told_from_what_did_not() -> None:
    assert [Case("a", state).bad for state in ("passed", "failed", "error", "timeout", "skipped")] == [False, True, True, True, False]
    with pytest.raises(MisuseError, match="no state 'ok'"):
        Case("a", "ok")


@given(st.text(), st.text(), st.sampled_from([None, *Verdict]))
def test_any_text_makes_a_badge_that_is_a_picture(label: str, message: str, verdict: Verdict | None) -> None:
    picture = ElementTree.fromstring(badge(label, message, verdict))

    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert int(picture.attrib["width"]) < 1500
    assert len(picture.findall(".//{http://www.w3.org/2000/svg}text")) == 2
