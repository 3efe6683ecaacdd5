"""What stand-in servers share: a socket that can go away, faults that can be switched on, a command.

They stand in for the services of others, as processes of their own. Standard library only.
"""
