"""A comparison or a migration plan as people and machines read it: text, Markdown for pull requests, JSON."""
