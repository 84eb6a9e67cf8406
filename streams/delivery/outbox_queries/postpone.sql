-- The receiver does not take this message now: try it again later.
UPDATE deliveries SET attempts = attempts + 1, due_ms = :due_ms WHERE id = :id;
