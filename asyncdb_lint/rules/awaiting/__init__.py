"""ADB2 awaiting."""
