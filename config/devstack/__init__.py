"""The servers behind `make demo` and `make test`: PostgreSQL and Valkey from wheels, kept in one folder.

- `data`           the data folder (`.data`); ports and secrets stay the same between starts
- `process_locks`  one file lock per process, so that a killed start never blocks the next
- `ports`          finds free ports
- `server`         start, wait until ready, stop: the base class of `postgres` and `valkey`
- `environment`    the variables that point the shop to its servers; one that is already set wins
- `process_group`  runs a Procfile's processes (`processes`) with honcho: they start and end together
- `demo`           runs the shop's Procfile; its process `bootstrap` fills the database and announces the shop
- `monitor`        Prometheus and Alertmanager beside a demo; `alert_receiver` prints the alerts
- `test_stack`     the same servers without durability, around one command: the tests

For development machines only. In production the URLs in the environment point to real servers.
"""
