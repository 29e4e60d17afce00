"""What comes from outside: files that have settled, queries, pages, messages of a broker, as deliveries for the gate."""
