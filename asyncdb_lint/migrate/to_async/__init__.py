"""From psycopg2 to psycopg 3's asynchronous objects, where all who reach a connection are asynchronous or can be."""
