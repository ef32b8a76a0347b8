"""ADB0 the tool itself."""
