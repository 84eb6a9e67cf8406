-- Which messages come after this one?
SELECT
    id,
    topic,
    message_key,
    message_value,
    timestamp_ms,
    headers
FROM messages
WHERE id > :last_id
ORDER BY id
LIMIT :most;
