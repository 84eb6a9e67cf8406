-- Where stream and batch counted a zone-minute differently, and why; and what the operator was told of it.
CREATE TABLE IF NOT EXISTS differences
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    minute DateTime('UTC') CODEC (Delta, ZSTD),
    zone_id LowCardinality(String),
    ins UInt32 COMMENT 'as the streams counted them',
    outs UInt32,
    batch_ins UInt32,
    batch_outs UInt32,
    late_crossings UInt32 COMMENT 'of the batch''s, those sent after the streams'' grace',
    refused_crossings UInt32 COMMENT 'of the batch''s, those that the streams had refused',
    cause LowCardinality(String) COMMENT 'late, dead_letter, outage or unexplained',
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY (zone_id, minute)
TTL day + INTERVAL 5 YEAR;

CREATE TABLE IF NOT EXISTS reconciliation_alerts
(
    estate_id LowCardinality(String),
    alert_id String,
    revision UInt32,
    status LowCardinality(String),
    opened_ms UInt64,
    measured Map(String, Float64)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (estate_id, alert_id);
