"""ADB8 event loops, processes, hooks."""
