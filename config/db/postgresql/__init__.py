"""The database's backend: Django's own for PostgreSQL, with a pool that asks nothing before each request."""
