"""Candidates that are no cases: what happens moves the figure too little for anybody to ask, or it cannot happen at all. Found by making each happen, before anything was asked of it."""

STILL: frozenset[str] = frozenset(
    """
bikes-2 code: line.py: .unique(["hour", "site"], -> .unique(["hour", "site"],
bikes-2 code: line.py: pl.col("rentals").mean().alias("u -> pl.col("members").mean().alias("u
bikes-2 code: line.py: join(level, on="station", how="left -> join(level.with_columns(pl.col("sta
bikes-2 parameter: line.py: best_c: float = 20.0 -> best_c: float = 45.0 (besides stations 1)
bikes-1 arrival: nothing from weather
bikes-2 package: package 3.0 (besides line.py: level = trust * pl.col("u -> assumed = pl.col("capacit)
bikes-2 world: storm 1
bikes-1 schema: rename of weather.temperature_c
bikes-2 schema: drop of weather.wind_kmh (besides line.py: days: int = 4 -> days: int = 5)
bikes-1 schema: rename of rides.rentals
bikes-2 source: disguised_missing (gross) in weather.temperature_c (besides line.py: best_c: float = 20.0 -> best_c: float = 20.5)
bikes-1 source: missing_spike (gross) in weather.temperature_c
bikes-1 source: constant_column (gross) in weather.temperature_c (besides package 1.1)
bikes-2 source: outliers (gross) in weather.temperature_c
bikes-1 source: local_time (gross) in weather.hour
bikes-2 source: stuck_sensor (gross) in weather.temperature_c
bikes-2 source: truncated_batch (gross) in weather (besides line.py: days: int = 4 -> days: int = 5)
bikes-1 source: missing_source (gross) in weather.site
bikes-1 source: column_swap (gross) in rides.rentals (besides line.py: level = trust * pl.col("u -> assumed = pl.col("capacit)
bikes-2 source: stale_copy (subtle) in rides (besides line.py: best_c: float = 20.0 -> best_c: float = 20.5)
bikes-2 source: fk_break (gross) in rides.station
bikes-2 source: category_spelling (gross) in rides.station
bikes-1 source: new_category_flood (gross) in rides.station (besides add of weather.loaded_by)
bikes-1 source: date_format (gross) in rides.hour
bikes-2 source: unit_change (gross) in stations.capacity
bikes-1 source: disguised_missing (gross) in stations.capacity (besides line.py: level = trust * pl.col("u -> assumed = pl.col("capacit)
bikes-2 source: whitespace_case (gross) in stations.station
churn-2 schema: rename of usage.data_gb (besides line.py: wait: int = 2 -> wait: int = 1)
churn-1 code: ratios.py: (1 - discount.fill_null(0) / -> (1 + discount.fill_null(0) /
churn-2 code: ratios.py: signed.to_list(), ends.to -> ends.to_list(), signed.to
churn-2 parameter: line.py: dear: float = 1.0 -> dear: float = 0.7 (besides plans 1)
churn-1 parameter: line.py: wait: int = 2 -> wait: int = 40
churn-2 arrival: nothing from contracts (besides add of usage.loaded_by)
churn-1 package: package 2.0
churn-2 package: package 2.0 (besides ratios.py: ) / included).round(4) -> ) / included).round(5))
churn-2 world: competitor -4
churn-1 schema: rename of contracts.monthly_fee_eur
churn-2 schema: rename of plans.list_fee_eur
churn-2 source: unit_change (medium) in contracts.monthly_fee_eur
churn-1 source: sign_flip (gross) in contracts.discount_percent (besides package 1.1)
churn-2 source: disguised_missing (gross) in contracts.monthly_fee_eur
churn-2 source: outliers (gross) in contracts.monthly_fee_eur (besides plans 1)
churn-1 source: precision_loss (gross) in contracts.monthly_fee_eur
churn-2 source: column_swap (gross) in contracts.monthly_fee_eur
churn-1 source: shuffled_column (gross) in contracts.monthly_fee_eur (besides a model as good)
churn-2 source: whitespace_case (gross) in contracts.plan (besides add of usage.loaded_by)
churn-1 source: category_spelling (gross) in contracts.plan
churn-2 source: date_format (gross) in contracts.signed_on
churn-2 source: unit_change (gross) in usage.data_gb (besides line.py: wait: int = 2 -> wait: int = 1)
churn-1 source: sign_flip (gross) in usage.support_calls
churn-2 source: duplicated_rows (gross) in usage
churn-1 source: outliers (gross) in usage.support_calls
churn-2 source: column_swap (gross) in usage.support_calls (besides plans 1)
churn-1 source: fk_break (gross) in usage.customer_id (besides a model as good)
churn-2 source: outliers (gross) in usage.data_gb
churn-1 source: unit_change (gross) in usage.late_days
churn-2 source: whitespace_case (gross) in customers.left (besides add of usage.loaded_by)
churn-1 source: constant_column (medium) in customers.left
churn-2 source: disguised_missing (gross) in customers.age
churn-1 source: unit_change (gross) in plans.list_fee_eur (besides ratios.py: ) / included).round(4) -> ) / included).round(5))
churn-2 source: truncated_batch (medium) in plans
churn-1 source: column_swap (gross) in plans.list_fee_eur
sensors-1 code: line.py: - pl.col("usual_c")) -> - pl.col("usual_c").max())
sensors-1 code: line.py: pl.col("time").dt.truncate("1h").alias("hou -> pl.col("time").dt.offset_by("30m").dt.trunc
sensors-2 code: line.py: armer_c"] * pl.col("warmer_c") + -> armer_c"] * pl.col("vibration") +
sensors-1 parameter: line.py: threshold: float = 3.0 -> threshold: float = 0.5
sensors-2 model: weights.json: "warmer_c": 0.4 -> "warmer_c": 4.0
sensors-1 arrival: nothing from tickets (besides line.py: dest_minutes: int = 0 -> dest_minutes: int = 5)
sensors-1 two: weights.json: "vibration": 3.2 -> "vibration": -3.2 + local_time (gross) in tickets.hour
sensors-2 world: load 0.8
sensors-1 schema: rename of readings.temperature_c
sensors-1 schema: rename of devices.gain (besides line.py: ((pl.col("temperature_c") -> (pl.col("temperature_c") *)
sensors-2 schema: rename of tickets.cause
sensors-2 source: unit_change (medium) in readings.temperature_c
sensors-2 source: unit_change (subtle) in readings.vibration_mm_s
sensors-2 source: stuck_sensor (gross) in readings.temperature_c
sensors-1 source: stale_copy (subtle) in readings (besides line.py: ((pl.col("temperature_c") -> (pl.col("temperature_c") *)
sensors-1 source: fk_break (gross) in readings.device
sensors-1 source: precision_loss (gross) in readings.vibration_mm_s
sensors-1 source: category_spelling (gross) in readings.device (besides package 1.1)
sensors-2 source: new_category_flood (gross) in readings.device
sensors-1 source: clock_reset (gross) in readings.time
sensors-2 source: whitespace_case (gross) in tickets.cause
sensors-2 source: new_category_flood (gross) in tickets.cause
sensors-1 source: disguised_missing (gross) in tickets.cause
sensors-2 source: category_spelling (gross) in tickets.cause (besides line.py: dest_minutes: int = 0 -> dest_minutes: int = 5)
sensors-1 source: fk_break (gross) in tickets.device
sensors-2 source: whitespace_case (gross) in devices.device
sensors-1 source: truncated_batch (medium) in devices (besides package 1.1)
sensors-2 source: outliers (gross) in devices.gain
""".strip().splitlines()
)
