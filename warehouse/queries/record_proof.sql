-- Write down what was the oldest in each store.
INSERT INTO retention_proofs -- noqa: PRS
(estate_id, proved_at, day, store, oldest, allowed_days, kept_to)
VALUES
