"""ADB7 statement caches."""
