"""The words of the domain: kinds, statuses and the one transition table, jobs, events, ports, clock.

Pure: no I/O and nothing third-party.
"""
