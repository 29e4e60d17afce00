"""Makes the demonstration data in `examples/data` from two public data sets, and puts known faults into one week of it.

    python examples/make_demo.py bikes HOUR.csv …    hourly rentals from the UCI archive -> one file a week, in real units
    python examples/make_demo.py faults              clean/WEEK.csv -> WEEK.csv with faults, and truth.csv that lists them
    python examples/make_demo.py line                the same weeks as two sources for examples/bikes/line.py: rides and weather

The Italian bulletins under `examples/data/covid-italy` are copied as they were published; nothing is done to them.
Standard library only; the same input gives the same bytes.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

BIKES = Path(__file__).parent / "data" / "bikes"
WEEK = "2012-07-09"  # the delivery of the demonstration
PAST_WEEKS = 16
SEASONS = {"1": "winter", "2": "spring", "3": "summer", "4": "autumn"}
WEATHER = {"1": "clear", "2": "mist", "3": "light rain or snow", "4": "heavy rain or snow"}
COLUMNS = (
    "hour", "season", "holiday", "working_day", "weather", "temperature_c", "feels_like_c", "humidity_percent", "windspeed_kmh",
    "casual", "registered", "rentals",
)
LINE_WEEKS = 8  # before the delivery
LINE = {  # what each source of the line delivers
    "rides": ("hour", "working_day", "casual", "registered", "rentals"),
    "weather": ("hour", "weather", "temperature_c", "humidity_percent", "windspeed_kmh"),
}
Row = dict[str, str]


def in_real_units(row: Row) -> Row:
    """One row of the archive's `hour.csv`, with codes spelt out and measurements put back into their units.

    The archive's Readme.txt gives the scales: temp is (t + 8) / 47, atemp (t + 16) / 66, hum / 100, windspeed / 67.
    """
    return {
        "hour": f"{row['dteday']} {int(row['hr']):02d}:00",
        "season": SEASONS[row["season"]],
        "holiday": "yes" if row["holiday"] == "1" else "no",
        "working_day": "yes" if row["workingday"] == "1" else "no",
        "weather": WEATHER[row["weathersit"]],
        "temperature_c": f"{float(row['temp']) * 47 - 8:.1f}",
        "feels_like_c": f"{float(row['atemp']) * 66 - 16:.1f}",
        "humidity_percent": f"{float(row['hum']) * 100:.0f}",
        "windspeed_kmh": f"{float(row['windspeed']) * 67:.1f}",
        "casual": row["casual"],
        "registered": row["registered"],
        "rentals": row["cnt"],
    }


def weeks(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by the Monday of their week."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        day = date.fromisoformat(row["hour"][:10])
        found.setdefault(str(day - timedelta(days=day.weekday())), []).append(row)
    return found


def with_faults(rows: list[Row], seed: int = 20120709) -> tuple[list[Row], list[tuple[int, str, str]]]:
    """The week with six faults of the kind that looks like good data, and the cells they sit in.

    Returns:
        The rows, and (0-based row, column or "*", fault code) for each faulted cell; a fault that is an absence has row -1.
    """
    random_ = random.Random(seed)
    start = datetime.fromisoformat(rows[0]["hour"])
    week = [dict(row) for row in rows]
    faults: list[tuple[dict[str, str], str, str]] = []

    def day(number: int) -> list[Row]:
        wanted = str((start + timedelta(days=number)).date())
        return [row for row in week if row["hour"].startswith(wanted)]

    # Tuesday: the feed of the weather service switches to Fahrenheit for the day.
    for row in day(1):
        row["temperature_c"] = f"{float(row['temperature_c']) * 9 / 5 + 32:.1f}"
        faults.append((row, "temperature_c", "unit_change"))
    # Wednesday evening until Thursday night: the humidity sensor repeats its last value.
    stuck = day(2)[18:] + day(3)
    for row in stuck:
        row["humidity_percent"] = stuck[0]["humidity_percent"]
        faults.append((row, "humidity_percent", "stuck_sensor"))
    # Friday: nothing is delivered.
    gone = {id(row) for row in day(4)}
    week = [row for row in week if id(row) not in gone]
    # Saturday: the anemometer is off, and its logger writes -999.
    for row in random_.sample(day(5), 7):
        row["windspeed_kmh"] = "-999"
        faults.append((row, "windspeed_kmh", "disguised_missing"))
    # Sunday: somebody types the weather by hand.
    for row in [row for row in day(6) if row["weather"] == "clear"][3:9]:
        row["weather"] = "Clear "
        faults.append((row, "weather", "whitespace_case"))
    # And a developer tries the new upload form in production.
    for hour in range(3):
        row = dict(rows[-1]) | {"hour": f"{rows[-1]['hour'][:10]} {21 + hour:02d}:00", "weather": "test", "casual": "1", "registered": "1"}
        row["rentals"] = "2"
        week.append(row)
        faults.append((row, "*", "test_records"))

    number = {id(row): index for index, row in enumerate(week)}
    listed = [(number[id(row)], column, code) for row, column, code in faults]
    return week, [*sorted(listed), (-1, "hour", "missing_day")]


def read(path: Path) -> list[Row]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a CSV file with Unix line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows(rows)


def make_bikes(paths: list[Path]) -> None:
    """Writes the weeks before the delivery and the delivery as it was."""
    by_week = weeks(in_real_units(row) for path in paths for row in read(path))
    names = sorted(name for name in by_week if name <= WEEK)[-PAST_WEEKS - 1 :]
    for name in names:
        folder = "clean" if name == WEEK else "past"
        write(BIKES / folder / f"{name}.csv", COLUMNS, (row.values() for row in by_week[name]))


def make_faults(folder: Path = BIKES) -> None:
    """Writes the delivery with its faults, and the list of them."""
    rows, truth = with_faults(read(BIKES / "clean" / f"{WEEK}.csv"))
    write(folder / f"{WEEK}.csv", COLUMNS, (row.values() for row in rows))
    write(folder / "truth.csv", ("row", "column", "fault"), truth)


def make_line(folder: Path = BIKES / "line") -> None:
    """Writes the last weeks, each as one file of rides and one of weather; the week with faults among them."""
    for week in [*sorted((BIKES / "past").glob("*.csv"))[-LINE_WEEKS:], BIKES / f"{WEEK}.csv"]:
        rows = read(week)
        for source, columns in LINE.items():
            write(folder / f"{source}-{week.stem}.csv", columns, ([row[name] for name in columns] for row in rows))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bikes", *files] if files:
            make_bikes([Path(file) for file in files])
            make_faults()
        case ["faults"]:
            make_faults()
        case ["line"]:
            make_line()
        case _:
            sys.exit(__doc__)
