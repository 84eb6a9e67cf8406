-- What is to be delivered, what each subscriber was told last of each alert, and how each subscription is doing.
CREATE TABLE IF NOT EXISTS states (
    alert_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (alert_id, revision)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription_id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    is_canary INTEGER NOT NULL,
    added_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    digest_id TEXT
);

CREATE INDEX IF NOT EXISTS deliveries_by_alert ON deliveries (subscription_id, alert_id, id);

CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (subscription_id, due_ms, id);

CREATE INDEX IF NOT EXISTS deliveries_in_digests ON deliveries (subscription_id, id) WHERE digest_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS canaries ON deliveries (subscription_id) WHERE is_canary = 1;

CREATE TABLE IF NOT EXISTS told (
    subscription_id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    severity TEXT NOT NULL,
    is_closed INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, alert_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lanes (
    subscription_id TEXT PRIMARY KEY,
    delivered INTEGER NOT NULL DEFAULT 0,
    last_delivered_ms INTEGER,
    failing_since_ms INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    next_try_ms INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    dead_ms INTEGER,
    dead_changed_ms INTEGER NOT NULL DEFAULT 0
);
