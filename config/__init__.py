"""The project package: settings, URLs, and the foundation that all apps share."""
