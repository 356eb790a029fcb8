"""Reading reports of failure, delay and success out of any mail.

`parse` never raises; see `core.reports` for what it answers.
"""

from bounce_handler.parsing.parser import parse

__all__ = ["parse"]
