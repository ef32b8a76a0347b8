"""ADB4 the ORM in async code."""
