"""Which values are refused, per batch and over all of them: `intake.v_error_summary`, `ops.v_error_distribution`.

Counts are those of judging, exact also where refusals were stored only up to the cap; `columns`, `first_row`,
`last_row` and the sample are of the stored ones. Of personal columns only shapes are stored.
"""

SUMMARY = """
CREATE VIEW intake.v_error_summary AS
SELECT batch.batch_id, counted.error_code, counted.errors::bigint AS errors,
       round(100.0 * counted.errors::bigint / sum(counted.errors::bigint) OVER (PARTITION BY batch.batch_id), 2)::float8
           AS share_percent,
       stored.stored, coalesce(stored.columns, '{}') AS columns, coalesce(stored.first_row, 0) AS first_row,
       coalesce(stored.last_row, 0) AS last_row, coalesce(sample.found, '') AS found,
       coalesce(sample.expected, '') AS expected
FROM intake.batches AS batch
     CROSS JOIN LATERAL jsonb_each_text(batch.errors_by_code) AS counted (error_code, errors)
     LEFT JOIN LATERAL (
         SELECT count(*) AS stored, array_agg(DISTINCT column_name ORDER BY column_name) AS columns,
                min(row_number) AS first_row, max(row_number) AS last_row
         FROM intake.row_errors AS error
         WHERE error.batch_id = batch.batch_id AND error.error_code = counted.error_code
     ) AS stored ON true
     LEFT JOIN LATERAL (
         SELECT found, expected FROM intake.row_errors AS error
         WHERE error.batch_id = batch.batch_id AND error.error_code = counted.error_code
         ORDER BY row_number, column_name LIMIT 1
     ) AS sample ON true;
"""

DISTRIBUTION = """
CREATE VIEW ops.v_error_distribution AS
SELECT counted.error_code,
       sum(counted.errors::bigint)::bigint AS errors,
       round(100.0 * sum(counted.errors::bigint) / sum(sum(counted.errors::bigint)) OVER (), 2)::float8
           AS share_percent,
       count(*) AS batches,
       coalesce(sum(counted.errors::bigint) FILTER (WHERE batch.created_at >= now() - interval '7 days'), 0)::bigint
           AS errors_7d,
       max(coalesce(batch.judged_at, batch.created_at)) AS last_seen_at
FROM intake.batches AS batch
     CROSS JOIN LATERAL jsonb_each_text(batch.errors_by_code) AS counted (error_code, errors)
WHERE batch.errors_by_code <> '{}'
GROUP BY counted.error_code;
"""

DERIVED = {"intake.v_error_summary": SUMMARY, "ops.v_error_distribution": DISTRIBUTION}
