"""ADB3 sessions, connections, transactions."""
