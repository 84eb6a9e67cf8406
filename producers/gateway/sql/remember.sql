INSERT OR REPLACE INTO memory (name, value) VALUES (:name, :value);
