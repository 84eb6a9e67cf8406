-- Put a message behind all others.
INSERT INTO messages (part, topic, message_key, message_value, timestamp_ms, headers)
VALUES (:part, :topic, :key, :value, :timestamp_ms, :headers);
