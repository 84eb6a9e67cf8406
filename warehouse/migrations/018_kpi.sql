-- What each issued report assessed, and the evidence of its numbers. A report on the same days replaces the former.
CREATE TABLE IF NOT EXISTS kpi_reports
(
    estate_id LowCardinality(String),
    first_day Date,
    last_day Date,
    points Float64 COMMENT 'won',
    assessed Float64 COMMENT 'points that could be assessed, of 100',
    percent Nullable(Float64) COMMENT '100 points / assessed',
    grade String COMMENT 'empty: none given',
    indicators UInt16,
    indicators_assessed UInt16,
    figures UInt32 COMMENT 'numbers with evidence',
    reported_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY (estate_id, first_day, last_day);

CREATE TABLE IF NOT EXISTS kpi_results
(
    estate_id LowCardinality(String),
    first_day Date,
    last_day Date,
    indicator_id LowCardinality(String),
    position UInt16 COMMENT 'in the indicator file, from 1',
    first_level String,
    group_name String,
    indicator String,
    unit String,
    weight Float64 COMMENT 'points it is worth',
    target Float64,
    value Nullable(Float64),
    low Nullable(Float64) COMMENT 'of the 95 % interval, where the value has one',
    high Nullable(Float64),
    points Nullable(Float64) COMMENT 'won; none where it could not be assessed',
    missing String COMMENT 'why it could not be assessed',
    source String,
    query LowCardinality(String) COMMENT 'the question in warehouse/queries/ that its evidence answers',
    column_name LowCardinality(String),
    reported_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY (estate_id, first_day, last_day, indicator_id);

CREATE TABLE IF NOT EXISTS kpi_evidence
(
    estate_id LowCardinality(String),
    first_day Date,
    last_day Date,
    query LowCardinality(String),
    label LowCardinality(String) COMMENT 'as the report cites it: E07',
    evidence_id String,
    tables String COMMENT 'what it read',
    rows_read UInt64,
    row_number UInt32 COMMENT 'of the answer, from 1',
    column_name LowCardinality(String),
    value String,
    reported_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY (estate_id, first_day, last_day, query, row_number, column_name);
