"""The pages for people on the telephone: one search, the answer, the next step. Japanese, with or without scripts."""
