"""ADB9 psycopg2 → psycopg 3."""
