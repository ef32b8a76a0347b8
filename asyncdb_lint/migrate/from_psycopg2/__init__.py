"""From psycopg2 to psycopg 3."""
