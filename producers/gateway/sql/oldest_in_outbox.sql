SELECT
    place,
    message
FROM outbox ORDER BY place LIMIT :most;
