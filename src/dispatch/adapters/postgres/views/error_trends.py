"""The error rate of the files by day, week and month (acceptance 1.60): `ops.v_error_trend_daily` and its sisters.

A period begins at midnight UTC, a week on Monday; periods without a batch have no row. Refused rows stay counted when
a correction mends them, so that the past does not change.
"""

TREND = """
CREATE VIEW {name} AS
SELECT date_trunc('{period}', created_at, 'UTC') AS starts_at,
       count(*) AS batches,
       count(*) FILTER (WHERE status = 'rejected') AS rejected,
       sum(rows)::bigint AS rows,
       sum(rejected + repaired)::bigint AS refused_rows,
       sum(duplicates)::bigint AS duplicate_rows,
       coalesce(round(100.0 * sum(rejected + repaired) / nullif(sum(rows), 0), 2), 0)::float8 AS error_rate_percent,
       coalesce(round(100.0 * sum(duplicates) / nullif(sum(rows), 0), 2), 0)::float8 AS duplicate_percent
FROM intake.batches
GROUP BY 1;
"""

PERIODS = {
    "day": "ops.v_error_trend_daily",
    "week": "ops.v_error_trend_weekly",
    "month": "ops.v_error_trend_monthly",
}
DERIVED = {name: TREND.format(name=name, period=period) for period, name in PERIODS.items()}
