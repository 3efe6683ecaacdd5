"""How pages are rendered: a template loader and a form renderer that do the same work once."""
