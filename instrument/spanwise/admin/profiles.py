"""How a profile is answered: in the format that was asked for, kept for another look, errors as one sentence."""

from __future__ import annotations

from collections.abc import Callable

from spanwise.admin.merge import Answers, Merge
from spanwise.admin.messages import JSON, TEXT, Answer, Invalid, NotThere, Request, Response
from spanwise.admin.parameters import choice, number
from spanwise.admin.rendering import json_response, problem
from spanwise.diagnosis.where import is_application, short
from spanwise.profiling import formats
from spanwise.profiling.captures import CAPTURES, Capture
from spanwise.profiling.heap import NoRoom
from spanwise.profiling.merging import as_data, from_data, merged
from spanwise.profiling.pprof import encode
from spanwise.profiling.profile import Profile
from spanwise.profiling.sampler import MAX_SECONDS, Busy, Cancelled

_DATA = "json"  # what workers hand to each other
FORMATS = ("pprof", "collapsed", "speedscope", "flamegraph", "text", _DATA)
FORMAT_PARAMETERS = ("format=pprof", "type=cpu")
# Not merely wrong: twitter-server has it, and this has not.
_LEGACY = "legacy"
_NOBODY = 499  # as nginx logs a client that went away; nobody reads it


def answer(request: Request, take: Callable[[], Profile], *, default_format: str = "pprof") -> Answer:
    """Takes the profile and answers with it. Parameters are checked first, so that none is taken in vain."""
    shape = wanted_format(request, default_format)
    try:
        capture = CAPTURES.keep(take())
    except ValueError as error:
        raise Invalid(str(error)) from None
    except Busy as error:
        return problem(409, "Another profile is being taken", f"Not now: {error}", (("Retry-After", "5"),))
    except NoRoom as error:
        return problem(503, "Not enough memory", f"Not now: {error}")
    except Cancelled:
        return Response(_NOBODY)
    return in_format(request, capture, shape)


def of_all_workers(default_s: float, name: str = "seconds") -> Merge:
    """Every worker takes its profile in the same seconds, and one is made of them."""

    def lasts_s(request: Request) -> float:
        wanted_format(request, "pprof")
        return number(request, name, default_s, 0, MAX_SECONDS)

    def join(request: Request, answers: Answers) -> Answer:
        profiles = {str(pid): from_data(data) for pid, data in answers.items()}
        return in_format(request, CAPTURES.keep(merged(profiles)), wanted_format(request, "pprof"))

    return Merge(join, (("format", _DATA),), lasts_s)


def wanted_format(request: Request, default: str) -> str:
    """The format that is asked for. Raises NotThere for gperftools' old one, and Invalid."""
    if request.parameter("format") == _LEGACY:
        raise NotThere("There is no format=legacy: `go tool pprof` and others read format=pprof.")
    return choice(request, "format", default=default, choices=FORMATS)


def in_format(request: Request, capture: Capture, shape: str, base: Capture | None = None) -> Answer:
    """A capture as what was asked for; a browser gets the page with the flamegraph instead of its numbers."""
    profile = capture.profile
    wanted = request.parameter("type") or ""
    try:
        index = profile.index(wanted)
    except KeyError:
        names = ", ".join(value_type.type for value_type in profile.value_types)
        raise Invalid(f"type must be one of {names}.") from None
    kept = (("X-Spanwise-Capture", capture.id),)
    if shape == "pprof":
        name = f'attachment; filename="{capture.id}.pb.gz"'
        return Response(200, (*kept, ("Content-Disposition", name)), encode(profile), "application/octet-stream")
    if shape == _DATA:
        return json_response(as_data(profile), pretty=False)
    if shape == "flamegraph" and request.wants_html:
        return Response(303, (*kept, ("Location", f"/admin/flamegraph?capture={capture.id}")))
    if shape == "flamegraph":
        drawn = formats.tree(profile, index, base.profile if base is not None else None)
        drawn["capture"] = capture.id
        drawn["own"] = [is_application(file) for _, file, _ in drawn["frames"]]
        drawn["frames"] = [[function, short(file), line] for function, file, line in drawn["frames"]]
        drawn["types"] = [value_type.type for value_type in profile.value_types]
        return json_response(drawn, pretty=False)
    if shape == "speedscope":
        return Response(200, kept, formats.speedscope(profile, index).encode(), JSON)
    text = formats.collapsed(profile, index) if shape == "collapsed" else formats.text(profile, index)
    return Response(200, kept, text.encode("utf-8", "replace"), TEXT)
