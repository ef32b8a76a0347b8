"""Proofs: every rule's claim, run on the real libraries and a real PostgreSQL."""
