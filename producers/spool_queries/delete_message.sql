-- Forget a message that Kafka has, or that was given up.
DELETE FROM messages
WHERE id = :id;
