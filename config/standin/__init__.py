"""The base of the stand-in servers: a socket that can be closed for a while, faults that can be switched on, a command.

Stand-ins replace outside services and run as processes of their own. Standard library only.
"""
