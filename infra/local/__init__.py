"""The local stack: real Kafka and ClickHouse as processes of this machine, without root and without containers."""
