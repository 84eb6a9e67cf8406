-- An urgent state does not wait for the quiet hours that earlier states of its alert wait for.
UPDATE deliveries SET due_ms = :due_ms
WHERE subscription_id = :subscription_id AND alert_id = :alert_id AND due_ms > :due_ms AND attempts = 0;
