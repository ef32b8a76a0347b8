"""ADB1 the event loop is blocked."""
