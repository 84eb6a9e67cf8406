INSERT INTO outbox (message) VALUES (:message);
