-- What each issued report's figures were made from, for as long as there is the table: loaded again or corrected, a
-- figure gets another content hash, and the former row stays.
CREATE TABLE IF NOT EXISTS kpi_figures
(
    estate_id LowCardinality(String),
    figure_id String COMMENT 'of the question: its name, SQL and parameters',
    content_hash String COMMENT 'SHA-256 of question and answer',
    label LowCardinality(String) COMMENT 'as the report cites it: E07',
    sql String,
    evidence String COMMENT 'JSON, as in the report',
    first_day Date COMMENT 'of the report',
    last_day Date,
    reported_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY (figure_id, content_hash, estate_id);
