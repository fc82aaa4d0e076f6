"""Worker processes of one service seen as one: one admin port, merged metrics, counters that never go backwards.

Who belongs together is the rule of `kinship`; who is there and who has the port is kept in `run_folder`. A `member`
saves its metrics as a `snapshot`, answers its siblings over the `channel`, and makes one of all by `merging`, with what
the `dead` have counted. `presence` follows one process from its start over `forks` to its end.

A process that is alone, and never forks, opens and writes nothing here.
"""

from __future__ import annotations

from spanwise.workers.channel import Answered, Asked, ChannelError
from spanwise.workers.member import Sibling
from spanwise.workers.presence import Face, GroupRegistry, Presence

__all__ = ["Answered", "Asked", "ChannelError", "Face", "GroupRegistry", "Presence", "Sibling"]
