-- Write down what the operator was told of a day's reconciliation.
INSERT INTO reconciliation_alerts -- noqa: PRS
(estate_id, alert_id, revision, status, opened_ms, measured)
VALUES
