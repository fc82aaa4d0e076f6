"""The times that event loops stood still, as the watchdog of instrumented loops has kept them."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from spanwise.diagnosis.where import is_application, short

if TYPE_CHECKING:
    from spanwise.event_loop import Block

_TRACED = re.compile(r"File (?P<file>.+), line (?P<line>\d+), in (?P<function>.+)\n\s*(?P<code>.*)")


def blocks() -> tuple[Block, ...]:
    """The oldest first. A service without asyncio has not even loaded the watchdog."""
    watching = sys.modules.get("spanwise.event_loop")
    if watching is None or not watching.loop_watch.cache_info().currsize:
        return ()
    return tuple(watching.loop_watch().blocks)


def blocked_by(block: Block) -> str:
    """``views.py:41 in pay `time.sleep(1)` ``: the service's innermost line, else the innermost; "" for no stack."""
    calls = [match for entry in reversed(block.stack) if (match := _TRACED.match(entry))]
    own = next((call for call in calls if is_application(call["file"])), calls[0] if calls else None)
    if own is None:
        return ""
    code = f" `{own['code']}`" if own["code"] not in ("", "None") else ""
    return f"{short(own['file'])}:{own['line']} in {own['function']}{code}"
