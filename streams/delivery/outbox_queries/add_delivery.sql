-- One alert state for one subscriber.
INSERT INTO deliveries (subscription_id, alert_id, revision, is_canary, added_ms, due_ms)
VALUES (:subscription_id, :alert_id, :revision, :is_canary, :added_ms, :due_ms);
