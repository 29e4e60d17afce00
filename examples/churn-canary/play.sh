#!/bin/sh
# A canary with a candidate that was trained on labels joined wrongly: it gets a share of the customers, is found out, taken back, and what it published is replaced.
#   sh examples/churn-canary/play.sh [FOLDER] [DAYS]
# Leaves FOLDER/shop (a project), FOLDER/out (the predictions as files), FOLDER/rollout.html and FOLDER/rollout.svg. Takes about a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-demo/churn-canary}
days=${2:-3}

step() { printf '\n\033[1m%s\033[0m\n' "$1"; }
# `assay` exits with 1 when it found something, which is the point here; anything above is a failure.
said() { "$@" || [ $? -eq 1 ] || exit 2; }

rm -rf "$folder"
mkdir -p "$folder"
python "$here/make_customers.py" "$folder/in" --days "$days"
assay init "$folder/shop" > /dev/null
cd "$folder/shop"
assay target add churn.scores ../out > /dev/null

step "1  Two versions: one from the spring, one from the summer, whose labels were joined wrongly"
said assay gate spring ../in/spring.parquet > /dev/null
said assay train spring --target churned --key customer --name churn --budget 3s > /dev/null
said assay gate summer ../in/summer.parquet > /dev/null
said assay train summer --target churned --key customer --name churn --budget 3s > /dev/null
said assay model list

step "2  v2 sets out to follow v1. Somebody is in a hurry, and sends it to 30 % of the customers at once"
assay rollout start churn --candidate v2 --unit customer --ramp 30,100 --guard "nan_rate, flip_rate <= 5%" --author ana --reason "labels of the summer" > /dev/null
assay rollout advance churn --author ana --reason "no time for a shadow" > /dev/null

step "3  A Sunday with few customers, then a week day, then another: each is scored as it comes"
day=1
while [ "$day" -le "$days" ]; do
    name=$(printf '../in/day-%02d.parquet' "$day")
    said assay gate customers "$name" > /dev/null
    said assay score churn --input flow:customers
    day=$((day + 1))
done

step "4  What became of it"
said assay read churn.scores -o ../scores.parquet > /dev/null
said assay rollout status churn --html ../rollout.html --svg ../rollout.svg
said assay rollout status churn
