-- Keep what is left of a message, in its place.
UPDATE messages
SET message_value = :value, part = :part
WHERE id = :id;
