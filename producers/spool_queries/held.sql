-- How much waits?
SELECT
    count(*) AS messages,
    coalesce(sum(length(message_key) + length(message_value)), 0) AS bytes
FROM messages;
