INSERT OR IGNORE INTO seen (id, seen_ms) VALUES (:id, :seen_ms);
