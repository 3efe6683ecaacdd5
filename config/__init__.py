"""The house that every app stands in: settings, urls, and what all of them share."""
