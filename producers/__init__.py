"""The camera side: what cameras see (or a recording, a count or a simulation) becomes envelopes in Kafka."""
