"""Alert delivery: alert states in, messages to people and machines out (see `docs/subscriber.md`)."""
