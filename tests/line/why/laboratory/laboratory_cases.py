# ruff: noqa: E501 - a line of code and its mistake stand in one line
"""The table of cases. A fault was taken in when it moves the figure that people look at far out of its past, or stops the line; what `assay why` says of it was not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle

from laboratory_bikes import BIKES
from laboratory_case import Case
from laboratory_changes import Change, Data, Edit, Late, Model, Package, Schema, World
from laboratory_churn import CHURN
from laboratory_line import LabLine
from laboratory_sensors import SENSORS
from laboratory_still import STILL

LINES: dict[str, LabLine] = {one.name: one for one in (BIKES, CHURN, SENSORS)}

Table = Mapping[str, tuple[Change, ...]]


def data_faults(text: str) -> tuple[Data, ...]:
    """From lines such as "weather.wind_kmh unit_change gross"; without a column the fault strikes the whole table."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        place, code, strength = line.split()
        source, _, column = place.partition(".")
        found.append(Data(source, code, column or None, strength))
    return tuple(found)


DATA: Table = {
    "bikes": data_faults("""
        weather.temperature_c unit_change gross
        weather.temperature_c disguised_missing gross
        weather.temperature_c missing_spike gross
        weather.temperature_c sign_flip gross
        weather.temperature_c constant_column gross
        weather.temperature_c outliers gross
        weather.hour local_time gross
        weather.wind_kmh unit_change gross
        weather.temperature_c decimal_comma gross
        weather.temperature_c type_to_string gross
        weather.temperature_c column_swap gross
        weather.temperature_c stuck_sensor gross
        weather.wind_kmh disguised_missing gross
        weather truncated_batch gross
        weather.site missing_source gross
        rides.rentals unit_change gross
        rides.rentals column_swap gross
        rides.rentals disguised_missing medium
        rides.rentals sign_flip gross
        rides stale_copy subtle
        rides.rentals shuffled_column gross
        rides.rentals outliers medium
        rides.hour local_time gross
        rides.station fk_break gross
        rides.rentals missing_spike gross
        rides.rentals constant_column gross
        rides.rentals stuck_sensor gross
        rides.station category_spelling gross
        rides.station new_category_flood gross
        rides.hour stuck_clock gross
        rides.rentals noise_increase gross
        rides.hour clock_reset gross
        rides.hour date_format gross
        stations.capacity unit_change gross
        stations.capacity disguised_missing gross
        stations.station whitespace_case gross
    """),
    "churn": data_faults("""
        contracts.monthly_fee_eur unit_change gross
        contracts.monthly_fee_eur unit_change medium
        contracts.discount_percent sign_flip gross
        contracts.monthly_fee_eur disguised_missing gross
        contracts.monthly_fee_eur decimal_comma gross
        contracts.monthly_fee_eur outliers gross
        contracts.monthly_fee_eur precision_loss gross
        contracts.monthly_fee_eur column_swap gross
        contracts.monthly_fee_eur shuffled_column gross
        contracts.monthly_fee_eur missing_spike gross
        contracts.plan constant_column gross
        contracts.plan whitespace_case gross
        contracts.plan category_spelling gross
        contracts.signed_on date_format gross
        contracts.signed_on clock_reset gross
        contracts.signed_on disguised_missing gross
        contracts.plan new_category_flood gross
        usage.data_gb unit_change gross
        usage.support_calls sign_flip gross
        usage.support_calls missing_spike gross
        usage truncated_batch gross
        usage duplicated_rows gross
        usage.support_calls outliers gross
        usage.support_calls column_swap gross
        usage.support_calls disguised_missing gross
        usage.support_calls constant_column gross
        usage.customer_id fk_break gross
        usage.data_gb outliers gross
        usage.late_days unit_change gross
        customers.left whitespace_case gross
        customers.left constant_column medium
        customers.age disguised_missing gross
        plans.list_fee_eur unit_change gross
        plans truncated_batch medium
        plans.list_fee_eur column_swap gross
    """),
    "sensors": data_faults("""
        readings.temperature_c unit_change gross
        readings.temperature_c unit_change medium
        readings.vibration_mm_s unit_change gross
        readings.vibration_mm_s unit_change subtle
        readings.temperature_c disguised_missing gross
        readings.vibration_mm_s disguised_missing gross
        readings.temperature_c missing_spike gross
        readings.temperature_c stuck_sensor gross
        readings.temperature_c sign_flip gross
        readings.vibration_mm_s outliers gross
        readings.temperature_c decimal_comma gross
        readings.vibration_mm_s type_to_string gross
        readings.temperature_c column_swap gross
        readings.time local_time gross
        readings stale_copy subtle
        readings.vibration_mm_s shuffled_column gross
        readings.device fk_break gross
        readings.vibration_mm_s constant_column gross
        readings.vibration_mm_s precision_loss gross
        readings.temperature_c noise_increase gross
        readings.device category_spelling gross
        readings.device new_category_flood gross
        readings.time clock_reset gross
        readings.vibration_mm_s missing_spike gross
        tickets.hour local_time gross
        tickets.cause whitespace_case gross
        tickets.cause constant_column medium
        tickets.cause new_category_flood gross
        tickets.cause disguised_missing gross
        tickets.cause category_spelling gross
        tickets.device fk_break gross
        tickets.cause missing_spike gross
        devices.usual_c unit_change gross
        devices.usual_c sign_flip gross
        devices.usual_c column_swap gross
        devices.usual_mm_s unit_change gross
        devices.usual_c disguised_missing gross
        devices.device whitespace_case gross
        devices truncated_batch medium
        devices.gain outliers gross
    """),
}  # fmt: skip

SCHEMA: Table = {
    "bikes": (
        Schema("weather", "rename", "temperature_c", "temp"), Schema("weather", "drop", "wind_kmh"), Schema("rides", "rename", "rentals", "count"), Schema("stations", "drop", "site"),
        Schema("weather", "type", "temperature_c"), Schema("rides", "drop", "hour"),
    ),
    "churn": (
        Schema("contracts", "rename", "monthly_fee_eur", "fee"), Schema("usage", "drop", "support_calls"), Schema("customers", "drop", "age"), Schema("plans", "rename", "list_fee_eur", "price"),
        Schema("contracts", "type", "discount_percent"), Schema("usage", "rename", "data_gb", "volume"),
    ),
    "sensors": (
        Schema("readings", "rename", "temperature_c", "temp"), Schema("readings", "drop", "pressure_bar"), Schema("devices", "rename", "gain", "factor"), Schema("tickets", "rename", "cause", "reason"),
        Schema("devices", "type", "usual_c"), Schema("readings", "type", "vibration_mm_s"),
    ),
}  # fmt: skip

CODE: Table = {
    "bikes": (
        Edit("line.py", '.fill_null(15.0) - best_c)', '.fill_null(15.0) + best_c)', ("code line.py: forecast",)),
        Edit("line.py", '.unique(["hour", "site"], keep="last", maintain_order=True)', '.unique(["hour", "site"], keep="last", maintain_order=True).with_columns(pl.col("hour") + pl.duration(hours=12))', ("code line.py: hourly",)),
        Edit("line.py", "dt.weekday() >= 6)", "dt.weekday() >= 4)", ("code line.py: features",)),
        Edit("line.py", 'pl.col("rentals").mean().alias("usual")', 'pl.col("members").mean().alias("usual")', ("code line.py: features",)),
        Edit("line.py", 'pl.col("hour").dt.hour().alias("clock")', '((pl.col("hour").dt.hour() + 23) % 24).alias("clock")', ("code line.py: features",)),
        Edit("line.py", 'join(level, on="station", how="left", maintain_order="left")', 'join(level.with_columns(pl.col("station").shift(1)), on="station", how="left", maintain_order="left")', ("code line.py: features",)),
        Edit("line.py", 'trust * pl.col("usual") + (1 - trust)', '(1 - trust) * pl.col("usual") + trust', ("code line.py: forecast",)),
        Edit("seasons.py", "PROFILE = dict(enumerate((0.1, 0.05, ", "PROFILE = dict(enumerate((0.3, 0.1, 0.05, ", ("code seasons.py: PROFILE",)),
        Edit("line.py", 'with_columns(pl.col("rain_mm").fill_null(0.0))', 'with_columns(pl.col("rain").fill_null(0.0))', ("code line.py: hourly",)),
        Edit("line.py", 'pl.col("rain_mm") > 0.5).then(0.6)', 'pl.col("rain_mm") < 0.5).then(0.6)', ("code line.py: forecast",)),
    ),
    "churn": (
        Edit("ratios.py", "(1 - discount.fill_null(0) / 100)", "(1 + discount.fill_null(0) / 100)", ("code ratios.py: dearness",)),
        Edit("ratios.py", "signed.to_list(), ends.to_list()", "ends.to_list(), signed.to_list()", ("code ratios.py: months",)),
        Edit("ratios.py", "used.fill_null(0.0) / included", "included / used.fill_null(0.0)", ("code ratios.py: filling",)),
        Edit("line.py", "sum(support_calls) AS support_calls", "min(support_calls) AS support_calls", ("code used.sql: *", "code used*", "code line.py: used")),
        Edit("line.py", 'spent = used.unique("customer_id", keep="last", maintain_order=True)', 'spent = used.unique("customer_id", keep="last", maintain_order=True).with_columns(pl.col("customer_id").shift(1))', ("code line.py: features",)),
        Edit("line.py", '(pl.col("support_calls").fill_null(0) * 1.0)', '(pl.col("late_days").fill_null(0) * 1.0)', ("code line.py: features",)),
        Edit("line.py", '(1 - leaves) * (1 - score).log()', '(1 - leaves) * score.log()', ("code line.py: losses",)),
        Edit("line.py", '(pl.col("left") == "yes")', '(pl.col("left") == "left")', ("code line.py: losses",)),
        Edit("line.py", 'join(plans, on="plan", how="left", maintain_order="left")', 'join(plans.with_columns(pl.col("plan").shift(1)), on="plan", how="left", maintain_order="left")', ("code line.py: features",)),
        Edit("line.py", 'made["signed_on"], made["ends_on"]', 'made["signed"], made["ends_on"]', ("code line.py: features",)),
    ),
    "sensors": (
        Edit("line.py", 'pl.col("gain") + pl.col("offset_c")) - pl.col("usual_c"))', 'pl.col("gain") + pl.col("offset_c")) - pl.col("usual_c").max())', ("code line.py: calibrated",)),
        Edit("line.py", 'pl.col("vibration_mm_s") / pl.col("usual_mm_s")', 'pl.col("vibration_mm_s") * pl.col("usual_mm_s")', ("code line.py: calibrated",)),
        Edit("line.py", 'pl.col("time").dt.truncate("1h").alias("hour")', 'pl.col("time").dt.offset_by("30m").dt.truncate("1h").alias("hour")', ("code line.py: rolling",)),
        Edit("line.py", '(pl.col("score") > threshold)', '(pl.col("score") < threshold)', ("code line.py: alarms",)),
        Edit("line.py", 'weights["vibration"] * (pl.col("vibration") - 1)', 'weights["vibration"] * (1 - pl.col("vibration"))', ("code line.py: alarms",)),
        Edit("line.py", '.unique(["hour", "device"], keep="first", maintain_order=True)\n    made = alarms.join(found, on=["hour", "device"]', '.unique(["hour"], keep="first", maintain_order=True)\n    made = alarms.join(found, on=["hour"]', ("code line.py: judged",)),
        Edit("line.py", 'pl.col("cause").fill_null("none") != "none"', 'pl.col("cause").fill_null("") != "none"', ("code line.py: judged",)),
        Edit("line.py", 'on="device", how="left", maintain_order="left")\n    return made.with_columns(\n        ((pl.col("temperature_c")', 'on="device", how="left", maintain_order="left")\n    return made.with_columns(\n        ((pl.col("pressure_bar")', ("code line.py: calibrated",)),
        Edit("line.py", '.select("hour", "device", "kind", "plant", "score", "alarm")', '.select("hour", "device", "kind", "site", "score", "alarm")', ("code line.py: alarms",)),
        Edit("line.py", 'weights["warmer_c"] * pl.col("warmer_c") +', 'weights["warmer_c"] * pl.col("vibration") +', ("code line.py: alarms",)),
    ),
}  # fmt: skip

PARAMETER: Table = {
    "bikes": (
        Edit("line.py", "trust: float = 0.8", "trust: float = 0.0", ("parameter forecast.trust",)), Edit("line.py", "best_c: float = 20.0", "best_c: float = 45.0", ("parameter forecast.best_c",)),
        Edit("line.py", "best_c: float = 20.0", "best_c: float = -10.0", ("parameter forecast.best_c",)), Edit("line.py", "days: int = 4", "days: int = 0", ("parameter features.days",)),
    ),
    "churn": (
        Edit("line.py", "dear: float = 1.0", "dear: float = 1.3", ("parameter features.dear",)), Edit("line.py", "dear: float = 1.0", "dear: float = 0.7", ("parameter features.dear",)),
        Edit("line.py", "wait: int = 2", "wait: int = 40", ("parameter features.wait",)), Edit("line.py", "dear: float = 1.0", "dear: float = 100.0", ("parameter features.dear",)),
    ),
    "sensors": (
        Edit("line.py", "threshold: float = 3.0", "threshold: float = 0.5", ("parameter alarms.threshold",)), Edit("line.py", "threshold: float = 3.0", "threshold: float = 30.0", ("parameter alarms.threshold",)),
        Edit("line.py", "window: int = 4", "window: int = 24", ("parameter rolling.window",)), Edit("line.py", "threshold: float = 3.0", "threshold: float = 0.0", ("parameter alarms.threshold",)),
    ),
}  # fmt: skip

WEIGHTS = ("code weights.json*", "code *weights*")
MODEL: Table = {
    "bikes": (Edit("seasons.py", "2.4, 2.1, 1.5, 1.0, 0.7, 0.5, 0.3)))\nW", "0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1)))\nW", ("code seasons.py: PROFILE",)),),
    "churn": (Model(2), Model(2)),
    "sensors": (
        Edit("weights.json", '"vibration": 3.2', '"vibration": 0.2', WEIGHTS), Edit("weights.json", '"warmer_c": 0.4', '"warmer_c": 4.0', WEIGHTS), Edit("weights.json", '"vibration": 3.2', '"vibration": -3.2', WEIGHTS),
    ),
}  # fmt: skip

ARRIVAL: Table = {"bikes": (Late("weather"),), "churn": (Late("usage"), Late("contracts")), "sensors": (Late("tickets"),)}

BREAKS = {"bikes": "3.0", "churn": "2.0", "sensors": "3.0"}  # the version of the package that does something else

# What makes no difference, or none that anybody would notice.
HARMLESS: dict[str, tuple[Change, ...]] = {
    "bikes": (
        Edit("line.py", "    level = trust * pl.col(\"usual\") + (1 - trust) * pl.col(\"capacity\") * 0.45\n", "    assumed = pl.col(\"capacity\") * 0.45\n    level = assumed + trust * (pl.col(\"usual\") - assumed)\n"),
        Edit("line.py", "best_c: float = 20.0", "best_c: float = 20.5"), Package("1.1", harmless=True), World({"stations": 1.0}), Schema("weather", "add", "", "loaded_by"), Edit("line.py", "days: int = 4", "days: int = 5"),
    ),
    "churn": (
        Edit("ratios.py", "(used.fill_null(0.0) / included).round(4)", "(used.fill_null(0.0) / included).round(5)"), Edit("line.py", "wait: int = 2", "wait: int = 1"), Package("1.1", harmless=True), World({"plans": 1.0}), Model(1),
        Schema("usage", "add", "", "loaded_by"),
    ),
    "sensors": (
        Edit("line.py", "        ((pl.col(\"temperature_c\") * pl.col(\"gain\") + pl.col(\"offset_c\")) - pl.col(\"usual_c\"))", "        (pl.col(\"temperature_c\") * pl.col(\"gain\") + (pl.col(\"offset_c\") - pl.col(\"usual_c\")))"),
        Edit("line.py", "threshold: float = 3.0", "threshold: float = 3.05"), Package("1.1", harmless=True), World({"devices": 1.0}), Schema("readings", "add", "", "loaded_by"), Edit("line.py", "oldest_minutes: int = 0", "oldest_minutes: int = 5"),
    ),
}  # fmt: skip

WORLD: Mapping[str, tuple[Mapping[str, float], ...]] = {
    "bikes": ({"demand": 2.2}, {"demand": 0.3}, {"event": 4.0}, {"storm": 1.0}, {"commuters": 6.0}, {"new_stations": 3.0}, {"moved": 0.9}, {"demand": 3.0}),
    "churn": ({"competitor": 3.0}, {"reversed": 0.7}, {"partner": 0.6}, {"competitor": -4.0}, {"reversed": 1.0}, {"elderly": 25.0, "competitor": 2.0}, {"partner": 0.9}, {"south": 0.95, "competitor": 2.5}),
    "sensors": ({"load": 1.2}, {"heat": 9.0}, {"presses": 4.0}, {"load": 0.8}, {"heat": 14.0}, {"presses": 8.0}, {"load": 0.5, "heat": 4.0}, {"unreported": 0.9, "trouble": 1.3}),
}  # fmt: skip
NATURAL: Mapping[str, tuple[Mapping[str, float], ...]] = {"bikes": ({"demand": 1.2}, {"demand": 0.8}), "churn": ({"competitor": 0.4}, {"competitor": -0.4}), "sensors": ({"trouble": 1.2}, {"heat": 1.0})}

TWO: Mapping[str, tuple[tuple[Change, Change], ...]] = {
    "bikes": (
        (Edit("line.py", "trust: float = 0.8", "trust: float = 0.0", ("parameter forecast.trust",)), Edit("line.py", 'pl.col("hour").dt.hour().alias("clock")', '((pl.col("hour").dt.hour() + 22) % 24).alias("clock")', ("code line.py: features",))),
        (Data("weather", "unit_change", "temperature_c", "gross"), Edit("line.py", 'pl.col("rentals").mean().alias("usual")', 'pl.col("rentals").max().alias("usual")', ("code line.py: features",))),
        (Package("3.0"), Edit("line.py", "dt.weekday() >= 6)", "dt.weekday() >= 4)", ("code line.py: features",))),
    ),
    "churn": (
        (Model(2), Edit("ratios.py", "used.fill_null(0.0) / included", "included / used.fill_null(0.0)", ("code ratios.py: filling",))),
        (Package("2.0"), Data("contracts", "unit_change", "monthly_fee_eur", "gross")),
        (Edit("line.py", "dear: float = 1.0", "dear: float = 1.4", ("parameter features.dear",)), Edit("line.py", '(pl.col("support_calls").fill_null(0) * 1.0)', '(pl.col("late_days").fill_null(0) * 1.0)', ("code line.py: features",))),
    ),
    "sensors": (
        (Edit("line.py", "threshold: float = 3.0", "threshold: float = 0.8", ("parameter alarms.threshold",)), Edit("line.py", 'pl.col("cause").fill_null("none") != "none"', 'pl.col("cause").fill_null("") != "none"', ("code line.py: judged",))),
        (Data("devices", "unit_change", "usual_mm_s", "gross"), Edit("line.py", 'weights["warmer_c"] * pl.col("warmer_c") +', 'weights["warmer_c"] * pl.col("pressure_bar") +', ("code line.py: alarms",))),
        (Edit("weights.json", '"vibration": 3.2', '"vibration": -3.2', WEIGHTS), Data("tickets", "local_time", "hour", "gross")),
    ),
}  # fmt: skip


def candidates() -> Iterator[Case]:
    """Everything that may become a case; which of them moves anything has to be seen."""
    for name in LINES:
        harmless = cycle(HARMLESS[name])
        turns = cycle(((), (), (1,)))  # in one of three something harmless happens on the same day
        for kind, table in (("code", CODE), ("parameter", PARAMETER), ("model", MODEL), ("arrival", ARRIVAL)):
            for number, change in enumerate(table[name]):
                besides = tuple(next(harmless) for _ in next(turns))
                yield Case(name, 1 + number % 2, kind, (change,), besides if apart((change,), besides) else ())
        for seed in (1, 2):
            yield Case(name, seed, "package", (Package(BREAKS[name]),), () if seed == 1 else HARMLESS[name][:1])
        for number, pair in enumerate(TWO[name]):
            yield Case(name, 1 + number % 2, "two", pair)
        for number, how in enumerate(WORLD[name]):
            yield Case(name, 1 + number % 2, "world", (World(how),), HARMLESS[name][:1] if number % 3 == 2 else ())
        for number, one in enumerate(HARMLESS[name]):
            yield Case(name, 1 + number % 2, "none", (one,))
        for number, how in enumerate((*NATURAL[name], {})):
            yield Case(name, 1 + number % 2, "none", (World(how),))
        for kind, table in (("schema", SCHEMA), ("source", DATA)):
            for number, change in enumerate(table[name]):
                besides = tuple(next(harmless) for _ in next(turns))
                yield Case(name, 1 + number % 2, kind, (change,), besides if apart((change,), besides) else ())


def apart(changes: tuple[Change, ...], besides: tuple[Change, ...]) -> bool:
    """Whether the harmless things do not meet the others: no two edits of one step, no two versions of one thing."""
    edits = [one for one in (*changes, *besides) if isinstance(one, Edit)]
    sources = [one.source for one in (*changes, *besides) if isinstance(one, Data | Schema | Late)]
    return len(edits) <= 1 and len(set(sources)) == len(sources) and not any(type(a) is type(b) and not isinstance(a, Data | Schema) for a in changes for b in besides)


WORLDLY = ("noise_increase",)  # the catalogue calls it a change of distribution: nobody can say whether the world or the source did it


def cases() -> Iterator[Case]:
    """The table: every candidate that moves the figure that people look at, or stops the line; and those that are to move nothing."""
    return (case for case in candidates() if case.name not in STILL and not any(isinstance(one, Data) and one.code in WORLDLY for one in case.changes))
