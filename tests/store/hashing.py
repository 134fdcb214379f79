"""Passwords that are hashed in no time, and hashes as earlier versions made them."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher

CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
OLD: Final = "$scrypt$ln=4,r=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$d//4MpqSdPOa+Bi/mlUJz/woU1ZTc0zNzHCIk4Zg2+E"
"""Of `four quiet lungs`."""
