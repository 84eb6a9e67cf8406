-- What was told so long ago that Kafka no longer has the alert, or of a closed alert, that it is not sent anew.
DELETE FROM told WHERE at_ms < :open_before_ms OR (is_closed = 1 AND at_ms < :closed_before_ms);
