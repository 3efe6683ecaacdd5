"""Pages that belong to no app: errors, and the demo's mailbox. Also the context of every page."""
