#!/bin/sh
# `make demo`: judges two real deliveries against their own past and runs a line, and leaves a report, a list of bad cells and two projects in demo/.
set -eu
cd "$(dirname "$0")/.."
mkdir -p demo

step() { printf '\n\033[1m%s\033[0m\n' "$1"; }
# `assay` exits with 1 when it found something, which is the point here; anything above is a failure.
judged() { "$@" || [ $? -eq 1 ] || exit 2; }
# The report without the list of columns, which the first one has shown.
in_short() { judged "$@" > demo/last.txt; sed '/^Columns$/,$d' demo/last.txt; rm demo/last.txt; }

step "1  One week of bike rentals, with faults we hid in it, against the 16 weeks before"
echo   "   \$ assay scan examples/data/bikes/2012-07-09.csv --past examples/data/bikes/past --html demo/report.html --cells demo/bad.csv"
judged assay scan examples/data/bikes/2012-07-09.csv --past examples/data/bikes/past --html demo/report.html --cells demo/bad.csv

step "   What we hid, and what was found of it"
judged assay scan examples/data/bikes/2012-07-09.csv --past examples/data/bikes/past --json > demo/report.json
python examples/compare.py demo/report.json demo/bad.csv examples/data/bikes/truth.csv

step "2  The same week as it really was: nothing should be held against it"
echo   "   \$ assay scan examples/data/bikes/clean/2012-07-09.csv --past examples/data/bikes/past"
in_short assay scan examples/data/bikes/clean/2012-07-09.csv --past examples/data/bikes/past

step "3  A public health bulletin on the day its publisher added six columns, untouched"
echo   "   \$ assay scan examples/data/covid-italy/2021-01-15.csv --past examples/data/covid-italy/past"
in_short assay scan examples/data/covid-italy/2021-01-15.csv --past examples/data/covid-italy/past

step "4  The gate: the same weeks one after another, into a project that remembers them"
echo   "   \$ assay gate bikes examples/data/bikes/past/*.csv examples/data/bikes/2012-07-09.csv --project demo/shop"
rm -rf demo/shop
assay init demo/shop > /dev/null
assay rules add bikes "temperature_c between -30 and 45" --action split --reason "it was never hotter here" --project demo/shop
judged assay gate bikes examples/data/bikes/past/*.csv examples/data/bikes/2012-07-09.csv --project demo/shop
echo
judged assay quarantine list --project demo/shop
judged assay flow bikes --project demo/shop --html demo/flow.html > /dev/null

step "5  A line: two sources and three steps, with the gate between any two of them"
echo   "   examples/bikes/line.py: rides and weather become hourly, daily, and demand, which is what is known a day ahead"
rm -rf demo/bikes
assay init demo/bikes > /dev/null
cp examples/bikes/line.py demo/bikes/
mkdir demo/bikes/incoming
cp examples/data/bikes/line/*-2012-0[56]-*.csv examples/data/bikes/line/*-2012-07-02.csv demo/bikes/incoming/
assay rules add weather "temperature_c between -30 and 45" --action split --reason "it was never hotter here" --project demo/bikes
echo   "   \$ assay run"
judged assay run --project demo/bikes

step "   A week with faults arrives; only what depends on it is made"
echo   "   \$ assay run"
cp examples/data/bikes/line/*-2012-07-09.csv demo/bikes/incoming/
judged assay run --project demo/bikes
echo
echo   "   \$ assay run"
judged assay run --project demo/bikes
echo
echo   "   \$ assay lineage demand"
assay lineage demand --most 2 --project demo/bikes
assay line show --svg demo/line.svg --project demo/bikes > /dev/null

step "Done"
echo "   report, to open in a browser    $(pwd)/demo/report.html"
echo "   every cell held to be wrong     $(pwd)/demo/bad.csv  ($(($(wc -l < demo/bad.csv) - 1)) cells)"
echo "   the flow over time              $(pwd)/demo/flow.html"
echo   "   the line, as a picture          $(pwd)/demo/line.svg"
echo   "   the line, to read and change    $(pwd)/demo/bikes/line.py"
echo "   next, on a file of your own     .venv/bin/assay scan YOUR_FILE"
