"""What tells too much is left out, and what is merely good stays."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.framing import Plan, Problem, frame

N = 600


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def reasons(plan: Plan) -> dict[str, str]:
    return {leak.column: leak.reason for leak in plan.leaks}


def table(seed: int = 0) -> dict[str, np.ndarray]:
    g = rng(seed)
    size, age = g.normal(size=N), g.normal(size=N)
    return {"size": size, "age": age, "y": 3 * size + age + g.normal(scale=0.3, size=N), "label": (size + g.normal(scale=0.5, size=N) > 0.5).astype(int)}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("customerID", [f"{at * 7919 % 10007}-QX" for at in range(N)]), ("row", list(range(N))), ("Unnamed: 0", list(range(N))), ("order_id", [at * 7919 + 10**9 for at in range(N)]),
        ("uuid", [f"{at:032x}" for at in range(N)]), ("instant", [str(at + 1) for at in range(N)]),
    ],
)  # fmt: skip
def test_an_identifier_is_left_out(name: str, values: list[object]) -> None:
    data = table()
    del data["label"]

    plan = frame(pl.DataFrame({**data, name: rng(3).permutation(np.array(values))}), Problem("y"))

    assert reasons(plan) == {name: "identifier"}
    assert name not in {source for feature in plan.features for source in feature.sources}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", rng().permutation(np.arange(N)) * 37 + 1000), ("seconds", rng().normal(size=N)), ("city", rng().integers(0, 200, N).astype(str)),
        ("review", np.array([f"a text of many words number {at} and so on" for at in range(N)])), ("when", np.arange(N) * 3_600_000_000 + np.datetime64("2026-01-01", "us")),
    ],
)  # fmt: skip
def test_a_measurement_or_a_text_that_never_repeats_is_no_identifier(name: str, values: np.ndarray) -> None:
    data = table()
    del data["label"]

    plan = frame(pl.DataFrame({**data, name: values}), Problem("y"))

    assert reasons(plan) == {}


@pytest.mark.parametrize(
    "copy",
    [lambda y: y * 2.54 + 7, lambda y: np.exp(y / 4), lambda y: -(y**3), lambda y: np.round(y, 3), lambda y: np.searchsorted([-3.0, 0.0, 3.0], y).astype(str)],
    ids=["another unit", "exponential", "power", "rounded", "bands"],
)
def test_a_function_of_the_target_number_is_left_out(copy: object) -> None:
    assert callable(copy)
    data = table()
    data["copy"] = copy(data["y"])

    assert reasons(frame(pl.DataFrame(data), Problem("y"))) == {"copy": "target copy"}


def test_a_copy_of_a_label_is_left_out_in_any_spelling_and_with_a_few_errors() -> None:
    data = table()
    copy = np.where(data["label"] == 1, "Gone", "still here")
    copy[0] = "Gone" if data["label"][0] == 0 else "still here"

    plan = frame(pl.DataFrame({**data, "status": copy}), Problem("label"))

    assert reasons(plan) == {"status": "target copy"}


def test_a_column_that_is_filled_for_one_class_only_was_written_afterwards() -> None:
    data = table()
    reason = [str(one) if gone else None for one, gone in zip(rng(1).choice(["price", "move", "other"], N), data["label"], strict=True)]
    amount = np.where(data["label"] == 1, rng(2).gamma(2, 10, N), 0.0)

    plan = frame(pl.DataFrame({**data, "reason": reason, "recovered": amount}), Problem("label"))

    assert reasons(plan) == {"reason": "known only later", "recovered": "known only later"}


@pytest.mark.parametrize("count", [2, 3])
def test_parts_that_sum_to_the_target_are_left_out(count: int) -> None:
    g = rng()
    parts = {f"part{at}": g.poisson(20 + 10 * at, N) for at in range(count)}
    other = g.normal(size=N)

    plan = frame(pl.DataFrame({**parts, "other": other, "count": sum(parts.values())}), Problem("count"))

    assert reasons(plan) == dict.fromkeys(parts, "parts sum to the target")


def test_a_difference_that_is_the_target_is_found() -> None:
    g = rng()
    revenue, cost = g.gamma(3, 100, N), g.gamma(2, 80, N)

    plan = frame(pl.DataFrame({"revenue": revenue, "cost": cost, "staff": g.poisson(5, N), "profit": revenue - cost}), Problem("profit"))

    assert reasons(plan) == dict.fromkeys(["revenue", "cost"], "parts sum to the target")


def test_a_cause_with_a_large_effect_is_no_copy_of_it() -> None:
    data = table()
    data["heated"] = rng(5).integers(0, 2, N)
    data["y"] = data["y"] + 100 * data["heated"]

    assert reasons(frame(pl.DataFrame(data), Problem("y"))) == {}


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_an_honest_strong_number_stays(noise: float) -> None:
    data = table()
    data["strong"] = data["y"] + rng(9).normal(scale=noise * data["y"].std(), size=N)  # explains 99.96 % or 99 % of the variance

    assert reasons(frame(pl.DataFrame(data), Problem("y"))) == {}


@pytest.mark.parametrize("wrong", [0.01, 0.02, 0.1])
def test_an_honest_strong_label_stays(wrong: float) -> None:
    data = table()
    flipped = rng(4).random(N) < wrong
    data["test"] = np.where(flipped, 1 - data["label"], data["label"])

    assert reasons(frame(pl.DataFrame(data), Problem("label"))) == {}


def test_a_number_that_parts_the_classes_is_kept_and_said() -> None:
    data = table()
    data["label"] = (data["size"] > 0.2).astype(int)

    plan = frame(pl.DataFrame(data), Problem("label"))

    assert reasons(plan) == {}
    assert [suspicion.column for suspicion in plan.suspicions] == ["size"]


def test_tomorrows_target_is_known_only_later_and_yesterdays_is_not() -> None:
    y = np.cumsum(rng().normal(size=N))
    day = np.arange(N) * 86_400_000_000 + np.datetime64("2020-01-01", "us")
    rows = pl.DataFrame({"day": day, "y": y, "tomorrow": np.append(y[1:], np.nan), "yesterday": np.append(np.nan, y[:-1])})

    plan = frame(rows, Problem("y", time="day"))

    assert reasons(plan) == {"tomorrow": "known only later"}


def test_with_a_horizon_the_columns_of_now_are_known_and_those_of_the_moment_predicted_are_not() -> None:
    y = np.cumsum(rng().normal(size=N))
    hour = np.arange(N) * 3_600_000_000 + np.datetime64("2020-01-01", "us")
    rows = pl.DataFrame({"hour": hour, "y": y, "half": y / 2, "in_two_hours": np.append(y[2:], [np.nan, np.nan])})

    plan = frame(rows, Problem("y", time="hour", horizon="2h"))

    assert reasons(plan) == {"in_two_hours": "target copy"}


def test_a_total_over_all_rows_of_a_key_is_known_only_later() -> None:
    g = rng()
    who, spent = np.repeat(np.arange(60), 10), g.gamma(2, 10, N)
    total = np.bincount(who, spent)[who]

    plan = frame(pl.DataFrame({"who": who, "x": g.normal(size=N), "spent": spent, "lifetime": total}), Problem("spent", key="who"))

    assert reasons(plan) == {"lifetime": "known only later"}


def test_columns_of_pure_chance_are_hardly_ever_called_leaks() -> None:
    false = 0
    for seed in range(60):
        g = rng(seed)
        noise = {f"n{at}": g.normal(size=80) for at in range(4)} | {f"c{at}": g.integers(0, 2, 80) for at in range(4)} | {"words": g.choice(["a", "b", "c"], 80)}
        for target in (g.normal(size=80), g.integers(0, 2, 80)):
            false += len(frame(pl.DataFrame({**noise, "y": target}), Problem("y")).leaks)

    assert false == 0  # of 1,080 columns
