"""What the code means: scopes, bindings, kinds, module summaries and the linked project."""
