"""Failure reports: the listener, the parser, and the one place that decides what a report does to its message."""
