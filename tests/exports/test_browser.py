"""The page says what the original says: its script in node, row for row, and the whole of it in a browser without network."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from raced import TASKS, raced
from trained import boosted, dressed, encoded, every_predictor, numbers_only

import assayline.exports
from assayline.artefacts import AsIs, Bundle, Calibrated, Expanded, Golden, Interval, Linear, Predictor, Sandboxed, Seasonal, Term
from assayline.artefacts.stored import Array
from assayline.errors import MisuseError
from assayline.exports import web_page
from assayline.exports.browser import columns_of, specification
from assayline.framing import Problem, frame

NODE = shutil.which("node") or shutil.which("nodejs")
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (found := shutil.which(name))), None)
ODD = [np.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-34, -0.5, 2.0, 31.0, 32.0, 64.0, 1e10, -3.0, 39.0, 1e30]
BOOSTED = [
    boosted("regression", 0, zero_as_missing=True), boosted("regression", 0, use_missing=False), boosted("regression", 0, reg_sqrt=True), boosted("cross_entropy_lambda", 0),
    boosted("regression", 0, boosting="rf", bagging_freq=1, bagging_fraction=0.5), boosted("regression", 0, min_data_in_leaf=5000),
    numbers_only(True), numbers_only(False),
]  # fmt: skip
needs_node = pytest.mark.skipif(NODE is None, reason="NO NODE: node is not installed; the script of the page is not tried row for row")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="NO BROWSER: no chromium is installed; the page is not opened")


def told(program: str, given: object, folder: Path) -> Any:
    """What a program with the functions of `model.js` answers."""
    script = files(assayline.exports).joinpath("model.js").read_text(encoding="utf-8")
    (folder / "model.js").write_text(script, encoding="utf-8")
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
    text = f'const m = require("./model.js"); const given = JSON.parse(require("fs").readFileSync("given.json", "utf-8")); console.log(JSON.stringify({program}));'
    done = subprocess.run([str(NODE), "-e", text], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def listed(X: Array) -> list[list[float | None]]:
    return [[None if np.isnan(one) else float(one) for one in row] for row in X]


@needs_node
@pytest.mark.parametrize("model", [*every_predictor(), *dressed(), *BOOSTED], ids=lambda one: f"{one.kind}-{one.classes}")
def test_the_script_predicts_every_row_as_the_original(model: Predictor, tmp_path: Path) -> None:
    X = encoded(1500, seed=7)
    X[:500] = np.random.default_rng(3).choice(ODD, size=X[:500].shape)

    said = told("given.X.map((row) => m.predict(given.model, row.map((one) => one === null ? NaN : one)))", {"model": specification(model), "X": listed(X)}, tmp_path)

    wanted = model.predict(X).reshape(len(X), -1)
    assert np.abs(np.array(said) - wanted).max() <= 1e-12 * np.abs(wanted).max()


@needs_node
@pytest.mark.parametrize("task", TASKS)
def test_the_script_predicts_what_the_model_that_training_chose_predicts(task: str, tmp_path: Path) -> None:
    bundle, table = raced(task)
    X = bundle.plan.encode(table)
    given = {"model": specification(bundle.predictor), "X": listed(X)}

    said = told("given.X.map((row) => m.predict(given.model, row.map((one) => one === null ? NaN : one)))", given, tmp_path)

    wanted = bundle.predictor.predict(X).reshape(len(X), -1)
    assert np.abs(np.array(said) - wanted).max() <= 1e-12 * np.abs(wanted).max()


@needs_node
def test_the_script_makes_columns_as_the_original(tmp_path: Path) -> None:
    X = np.array(list(itertools.product([1.7e308, -1.7e308, 1e-300, 0.0, -0.0, np.nan, 3.0], repeat=2)))
    pairs = [Term(kind, (0, 1)) for kind in ("sum", "difference", "product", "ratio")]
    last = Seasonal.of([Seasonal.last(0)], 0.25, width=1)
    models = [Expanded(last, (term,), 2) for term in (*pairs, Term("above", (0,), (-1.7e308,)), Term("bins", (0,), (0.0, 3.0)))]
    given = {"models": [specification(one) for one in models], "X": listed(X)}

    said = told("given.models.map((model) => given.X.map((row) => m.predict(model, row.map((one) => one === null ? NaN : one))[0]))", given, tmp_path)

    assert said == [one.predict(X).tolist() for one in models]


@needs_node
def test_the_script_gives_the_intervals(tmp_path: Path) -> None:
    model = next(one for one in reversed(every_predictor()) if isinstance(one, Interval))
    X = encoded(30)

    said = told("given.X.map((row) => m.interval(given.model, row.map((one) => one === null ? NaN : one)))", {"model": specification(model, 0.8), "X": listed(X)}, tmp_path)

    assert np.allclose(np.array(said), np.column_stack(model.interval(X, 0.8)))


def messy(rows: int = 600) -> pl.DataFrame:
    """One column for each way of reading."""
    random = np.random.default_rng(8)
    towns = ["Amsterdam", "Rotterdam", " utrecht ", "'Delft'", "Den  Haag."]
    words = ["good", "bad", "straße", "not at all", "Zürich", "fine; indeed", "née"]
    sentences = [" ".join(words[one] for one in random.integers(0, 7, 6)) + f", {number}." for number in range(300)]
    return pl.DataFrame(
        {
            "weight": [f"{random.integers(1, 99)} {'kg' if one % 2 else 'g'}" for one in range(rows)],
            "price": [f"${random.integers(1, 9)},{random.integers(100, 999)}.50" for _ in range(rows)],
            "count": random.integers(0, 50, rows),
            "town": [towns[one] for one in random.integers(0, 5, rows)],
            "paid": [("yes", "no")[one] for one in random.integers(0, 2, rows)],
            "when": [f"2026-{1 + one % 12:02}-{1 + one % 28:02} {one % 24:02}:15" for one in range(rows)],
            "code": [f"{words[one % 7]}-{random.integers(0, 60)}" for one in range(rows)],
            "note": [sentences[one] for one in random.integers(0, 300, rows)],
            "y": random.normal(size=rows),
        }
    )


ODD_CELLS: dict[str, list[object]] = {
    "weight": ["12", "1,5 kg", "(3) kg", "-4 g", "−4 g", "1e3 g", "5 lb", "7 miles", "x", "", "  8 kg ", None, 3, 2.5, "1 200 g", "1'000 g", "1,200,3", True],
    "price": ["$1", "EUR 5", "5€", "-$3.2", "$-3.2", "1,234,567.8", "0x10", "Infinity", "nan", "1_000", ".5", "5.", "12 Main St"],
    "count": ["7", 7.0, "seven", None, 1e308],
    "town": ["AMSTERDAM", "amsterdm", "amstedram", "rotterdan", "Rotterdam2", "delft", '"Delft"', "Paris", "", "?", "den haag", 3, 3.0, "3.0", True],
    "paid": ["Yes", "NO", "1", "0", True, False, 1, 0, "maybe", None, "y", "on"],
    "when": [
        "2026-02-28", "28.2.2026", "3/4/26", "13/4/2026", "2026-02-30", "2026-01-01T10:00:00+02:00", "2026-01-01 11:30 pm", "2026-01-01T24:00", "1970-01-01",
        "1850-05-05 05:05:05.25", 1767225600, "x", None, "2026/12/31 23:59:59.999999",
    ],
    "code": ["good-1", "STRASSE", "né", "", None, "ab", "🙂 x", 12, "a" * 3000],
    "note": ["Good bad", "", None, "straße ß née Zürich", "a_b c-d 1.5", "x " * 500, "日本 語"],
}


@needs_node
def test_the_script_encodes_every_cell_as_the_plan(tmp_path: Path) -> None:
    plan = frame(messy(), Problem("y", task="regression"))
    rows: list[dict[str, object]] = [{name: cell} for name, cells in ODD_CELLS.items() for cell in cells]
    rows += messy(60).to_dicts()
    columns, notes = columns_of(plan)

    said = told("given.rows.map((row) => m.encode(given.plan, row).map((one) => Number.isNaN(one) ? null : one))", {"plan": {"columns": columns}, "rows": rows}, tmp_path)

    encode = plan.row_encoder()
    wrong = []
    for row, ours in zip(rows, said, strict=True):
        theirs = encode(row)
        for feature, one, other in zip(plan.features, ours, theirs, strict=True):
            same = np.isnan(other) if one is None else abs(one - other) <= 1e-12 * max(1.0, abs(other))
            wrong += [] if same else [(row.get(feature.sources[0]), feature.name, one, other)]
    assert {column.reading for column in plan.columns} >= {"number", "truth", "code", "time", "hash", "text"}
    assert wrong == []
    assert notes == []


def bundle() -> Bundle:
    table = messy()
    plan = frame(table, Problem("y", task="regression"))
    layout = Linear.layout(plan.encode(table), [feature.categories for feature in plan.features])
    model = Interval.learn(Linear.of(layout, np.linspace(-1, 1, layout.size), 0.5), plan.encode(table), plan.target(table)[0])
    return Bundle("rides", "v1", plan, model, purpose="<b>For</b> tests </script>", golden=Golden.of(plan, model, table.head(60)))


def opened(page: str, folder: Path) -> str:
    """What stands in the page after a browser without any network has run it."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"]
    done = subprocess.run([str(BROWSER), *options, f"file://{folder / 'page.html'}"], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout


@needs_browser
def test_a_page_that_is_opened_agrees_with_its_golden_rows_and_shows_a_prediction(tmp_path: Path) -> None:
    shown = opened(web_page(bundle(), coverage=0.8), tmp_path)

    assert "50 of 50 known rows agree." in shown
    assert "y: " in shown
    assert "80 % between" in shown


@needs_browser
@pytest.mark.parametrize("task", TASKS)
def test_a_page_of_what_training_chose_agrees_with_its_golden_rows(task: str, tmp_path: Path) -> None:
    assert "40 of 40 known rows agree." in opened(web_page(raced(task)[0]), tmp_path)


@needs_browser
def test_a_page_whose_model_was_changed_says_that_rows_do_not_agree(tmp_path: Path) -> None:
    page = web_page(bundle())
    changed = page.replace('"intercept": [0.5]', '"intercept": [0.75]')

    assert changed != page
    assert "0 of 50 known rows agree." in opened(changed, tmp_path)


@needs_browser
def test_a_page_of_a_classifier_shows_each_class(tmp_path: Path) -> None:
    X = encoded(40)
    rows = pl.DataFrame({name: X[:, number] for number, name in enumerate("abcde")})
    plan = AsIs(Problem("kind"), "multiclass", tuple("abcde"), ("low", "<mid>", "high"))
    model = next(one for one in every_predictor() if isinstance(one, Calibrated) and one.classes == 3)

    shown = opened(web_page(Bundle("m", "v1", plan, model, golden=Golden.of(plan, model, rows))), tmp_path)

    assert "40 of 40 known rows agree." in shown
    assert "&lt;mid&gt;" in shown


def test_a_page_loads_nothing_and_lets_no_text_out_of_its_place() -> None:
    page = web_page(bundle())

    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("</script>") == 3
    assert "<b>For" not in page


def test_what_only_its_own_library_can_run_has_no_page() -> None:
    with pytest.raises(MisuseError, match="no form in JavaScript"):
        web_page(Bundle("m", "v1", AsIs(Problem("y"), "regression", ("a",)), Sandboxed("skops", b"", 0, 1)))
