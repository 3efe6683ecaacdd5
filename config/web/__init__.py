"""How a web process meets its clients: a request is collected until it is whole, and only then takes a thread.

`config.gunicorn` names the worker class; nothing else imports this package.
"""
