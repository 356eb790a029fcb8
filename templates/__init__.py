"""The mails as data: one folder a kind, compiled once, rendered as text and HTML.

`templates.catalog.Catalog` is the way in.
"""
