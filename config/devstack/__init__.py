"""The servers behind `make demo` and `make test`: PostgreSQL and Valkey from wheels, kept in one folder.

What lies where:

- `data`         the folder that holds everything (`.data`); ports and secrets stay the same between starts
- `leases`       who is running: a file lock a process, so that a killed start leaves nothing that stops the next
- `ports`        which ports are free
- `server`       start, wait until ready, stop: what both servers share; `postgres` and `valkey` are the two
- `environment`  the variables through which the shop finds its servers; one that is already set wins
- `lineup`       the lines of a Procfile (`lines`), run by honcho, together from start to end
- `demo`         the shop's own line-up; `doorman` opens the shop once it stands
- `monitor`      Prometheus and Alertmanager beside a demo; `pager` prints what they tell
- `trial`        the same servers, fast and forgetful, around one command: the tests

Every name here is for engineers' machines. In production the URLs in the environment lead to real servers.
"""
