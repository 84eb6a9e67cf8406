-- Everything that waits, in order, as a spool that takes it over wants it.
SELECT
    part,
    topic,
    message_key AS key,
    message_value AS value,
    timestamp_ms,
    headers
FROM messages
ORDER BY id;
