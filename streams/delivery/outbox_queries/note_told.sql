-- The subscriber will be told of this state.
INSERT INTO told (subscription_id, alert_id, revision, severity, is_closed, at_ms)
VALUES (:subscription_id, :alert_id, :revision, :severity, :is_closed, :at_ms)
ON CONFLICT (subscription_id, alert_id) DO UPDATE SET
    revision = excluded.revision,
    severity = excluded.severity,
    is_closed = excluded.is_closed,
    at_ms = excluded.at_ms;
