"""The helpdesk's rules as data: from what happened to an institution's mails to what the caller does next.

Pure: facts come in as arguments, the texts from this room's own files. `helpdesk.advice.advise` is the way in.
"""
