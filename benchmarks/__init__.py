"""What todoke achieves beside a named peer and beside the ceiling, measured in the same run: `make bench`."""
