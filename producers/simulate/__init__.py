"""The estate's life from its site file, seeded and exact, with faults, incidents and the truth beside the events."""
