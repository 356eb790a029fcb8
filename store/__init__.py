"""The database: tables, transitions with their events, the outbox, read models, migrations."""
