"""Django's PostgreSQL backend, with a pool that does not query the server first, and fewer indexes."""
