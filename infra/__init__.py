"""The ground floor: settings, the site file, event contracts, topics and the local stack. Imports nothing of ours."""
