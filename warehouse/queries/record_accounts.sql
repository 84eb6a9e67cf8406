-- Write down what became of some days' records, in one block: this makes their loads current, all at once.
INSERT INTO nightly_accounting -- noqa: PRS
(
    estate_id, day, load_id, raw, valid, duplicates, dead_letters, late, streamed_dead_letters,
    crossings, alerts, zone_minutes, differing_zone_minutes, content_hash, loaded_at, seconds
)
VALUES
