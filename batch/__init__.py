"""The nightly Spark job: one day of Kafka becomes one partition of each warehouse table."""
