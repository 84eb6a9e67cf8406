-- The last state of each alert that was opened on the day, and what people said of alerts.
CREATE TABLE IF NOT EXISTS alerts
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day on which it was opened',
    alert_id String,
    rule LowCardinality(String),
    zone_id LowCardinality(String),
    subject_id LowCardinality(String) COMMENT 'the zone or camera it is about',
    severity LowCardinality(String),
    status LowCardinality(String) COMMENT 'opened, updated or closed',
    opened_time DateTime64(3, 'UTC'),
    updated_time DateTime64(3, 'UTC'),
    closed_time Nullable(DateTime64(3, 'UTC')),
    published_time DateTime64(3, 'UTC') COMMENT 'Kafka timestamp of its first state',
    revision UInt32,
    explanation String CODEC (ZSTD),
    measured Map(LowCardinality(String), Float64),
    evidence Array(String) COMMENT 'ids of the envelopes or rows that caused it'
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (rule, opened_time, alert_id)
TTL day + INTERVAL 5 YEAR;

CREATE TABLE IF NOT EXISTS dispositions
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day on which it was said',
    disposition_id String,
    alert_id String,
    event_time DateTime64(3, 'UTC'),
    verdict LowCardinality(String) COMMENT 'true, false, benign or unsure',
    said_by String COMMENT 'person-related: readable by auditors only',
    note String CODEC (ZSTD)
)
ENGINE = MergeTree
PARTITION BY (estate_id, day)
ORDER BY (alert_id, event_time)
TTL day + INTERVAL 5 YEAR;
