-- What waits for Kafka, in the order in which it was handed over, and the detections given up that nobody was told of.
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    part INTEGER NOT NULL,
    topic TEXT NOT NULL,
    message_key BLOB NOT NULL,
    message_value BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    headers BLOB
);

CREATE INDEX IF NOT EXISTS messages_by_part ON messages (part, id);

CREATE TABLE IF NOT EXISTS thinned (
    camera_id TEXT PRIMARY KEY,
    detections INTEGER NOT NULL
);
