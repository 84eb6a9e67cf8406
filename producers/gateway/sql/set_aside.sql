INSERT OR IGNORE INTO aside (place, message)
SELECT
    place,
    message
FROM outbox
WHERE place = :place;
