-- The alert state itself, once for all who are told of it.
INSERT OR IGNORE INTO states (alert_id, revision, content) VALUES (:alert_id, :revision, :content);
