"""Runs the command line as `python -m triaged.cli`; how the supervisor starts each role."""

from __future__ import annotations

from triaged.cli.program import main

if __name__ == "__main__":
    main()
