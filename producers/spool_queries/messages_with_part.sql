-- Which messages after this one have such a part to give up, oldest first?
SELECT
    id,
    message_key,
    message_value
FROM messages
WHERE part = :part AND id > :last_id
ORDER BY id
LIMIT :most;
