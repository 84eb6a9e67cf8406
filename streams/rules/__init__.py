"""The alert rules, one pure file each: a state, what comes in, the alert states that go out."""
