"""The spool: what was acknowledged is in it, on disk, until the store has it."""

from spanwise_collector.spool._batches import Batch
from spanwise_collector.spool._group_commit import SpoolError
from spanwise_collector.spool._spool import Spool, SpoolFullError, SpoolState
from spanwise_collector.spool._survey import SegmentSurvey, survey

__all__ = ["Batch", "SegmentSurvey", "Spool", "SpoolError", "SpoolFullError", "SpoolState", "survey"]
