"""The hook for `requests`, over a real socket."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import requests.adapters
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import StatusCode, set_span_in_context, use_span

from spanwise.http import requests as integration
from spanwise.tracing.spans import UnsampledSpan
from tests.instrument.collector_sink import Answer, CollectorSink, free_port
from tests.instrument.pipeline import CLIENT_DURATION, Pipeline


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """Hooked for this test alone: the adapter gets its own `send` back."""
    adapter = requests.adapters.HTTPAdapter
    original, mark = adapter.send, getattr(adapter, integration._MARK, None)
    if mark is not None:
        delattr(adapter, integration._MARK)
    made = Pipeline()
    integration.hook(requests.adapters, made.client)
    yield made
    adapter.send = original  # type: ignore[method-assign]
    delattr(adapter, integration._MARK)
    if mark is not None:
        setattr(adapter, integration._MARK, mark)


def labels(pipeline: Pipeline) -> list[dict[str, str]]:
    return [sample.labels for sample in pipeline.samples(f"{CLIENT_DURATION}_count")]


def test_the_context_goes_with_it(sink: CollectorSink, pipeline: Pipeline) -> None:
    response = requests.get(f"{sink.url}/x", headers={"x-own": "1"}, timeout=5)
    assert response.status_code == 200
    span, headers = pipeline.span, sink.requests[0].headers
    assert headers["traceparent"] == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-03"
    assert headers["tracestate"] == "ot=th:0"
    assert headers["x-own"] == "1"
    found = labels(pipeline)[0]
    assert (found["http_request_method"], found["server_address"]) == ("GET", "127.0.0.1")
    assert (found["http_response_status_code"], found["error_type"]) == ("200", "")
    assert span.attributes["server.port"] == sink.port


def test_of_an_unsampled_request(sink: CollectorSink, pipeline: Pipeline) -> None:
    current = UnsampledSpan(5, None)
    with use_span(current):
        requests.get(sink.url, timeout=5)
    own = current.get_span_context()
    assert sink.requests[0].headers["traceparent"] == f"00-{own.trace_id:032x}-{own.span_id:016x}-02"
    assert "tracestate" not in sink.requests[0].headers
    assert pipeline.spans == []


def test_each_hop_of_a_redirect(sink: CollectorSink, pipeline: Pipeline) -> None:
    sink.answers.append(Answer(302, {"Location": "/there"}))
    assert requests.get(f"{sink.url}/here", timeout=5).status_code == 200
    assert [span.attributes["http.response.status_code"] for span in pipeline.spans] == [302, 200]
    assert len({span.context.span_id for span in pipeline.spans}) == 2
    told = [request.headers["traceparent"].split("-")[2] for request in sink.requests]
    assert told == [f"{span.context.span_id:016x}" for span in pipeline.spans]


def test_a_hop_does_not_inherit_the_state_of_the_one_before(sink: CollectorSink, pipeline: Pipeline) -> None:
    class Stop(requests.Session):
        def rebuild_method(self, prepared_request: Any, response: Any) -> None:
            pipeline.sampling.set_rate(0.0)

    sink.answers.append(Answer(302, {"Location": "/there"}))
    Stop().get(f"{sink.url}/here", timeout=5)
    first, second = sink.requests
    assert "tracestate" in first.headers
    assert second.headers["traceparent"].endswith("-02")
    assert "tracestate" not in second.headers


def test_headers_that_are_a_mapping_of_somebody_elses(sink: CollectorSink, pipeline: Pipeline) -> None:
    request = requests.Request("GET", sink.url).prepare()
    request.headers = {"tracestate": "of=before", "x-a": "b"}  # type: ignore[assignment]
    with use_span(UnsampledSpan(5, None)):
        requests.Session().send(request, timeout=5)
    sent = sink.requests[0].headers
    assert (sent["x-a"], sent["traceparent"][-2:]) == ("b", "02")
    assert "tracestate" not in sent


def test_headers_in_other_letters_are_replaced(sink: CollectorSink, pipeline: Pipeline) -> None:
    requests.get(sink.url, headers={"Traceparent": "00-of-somebody-else"}, timeout=5)
    assert sink.requests[0].headers["traceparent"].split("-")[1] == f"{pipeline.span.context.trace_id:032x}"


def test_no_secret_is_recorded(sink: CollectorSink, pipeline: Pipeline) -> None:
    url = sink.url.replace("http://", "http://user:hunter2@")
    requests.get(f"{url}/x?sig=hunter2&a=1", timeout=5)
    assert "hunter2" not in pipeline.span.to_json()
    assert pipeline.span.attributes["url.full"].endswith("/x?sig=REDACTED&a=1")


@pytest.mark.parametrize(("status", "label"), [(404, ""), (503, "503")])
def test_failed_answers(sink: CollectorSink, pipeline: Pipeline, status: int, label: str) -> None:
    sink.always = Answer(status)
    requests.get(sink.url, timeout=5)
    assert labels(pipeline)[0]["error_type"] == label
    assert pipeline.span.status.status_code is StatusCode.ERROR
    assert pipeline.span.attributes["error.type"] == str(status)


def test_nobody_there(pipeline: Pipeline) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{free_port()}/?sig=hunter2", timeout=5)
    assert labels(pipeline)[0]["error_type"] == "connection_refused"
    assert pipeline.span.status.status_code is StatusCode.ERROR
    assert "hunter2" not in pipeline.span.to_json()


def test_no_tls_there(sink: CollectorSink, pipeline: Pipeline) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(sink.url.replace("http:", "https:"), timeout=5)
    assert labels(pipeline)[0]["error_type"] == "tls"


def test_no_such_name(pipeline: Pipeline) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get("http://nowhere.invalid/", timeout=5)
    assert labels(pipeline)[0]["error_type"] == "name_resolution"


def test_hooked_again_only_the_handler_changes(sink: CollectorSink, pipeline: Pipeline) -> None:
    other = Pipeline()
    integration.hook(requests.adapters, other.client)
    requests.get(sink.url, timeout=5)
    assert pipeline.spans == []
    assert len(other.spans) == 1


def test_urllib3_beneath_counts_nothing_more(sink: CollectorSink, pipeline: Pipeline) -> None:
    from spanwise.http.client import INSIDE_CALL

    seen: list[bool] = []
    original = requests.adapters.HTTPAdapter.get_connection_with_tls_context

    def look(self: Any, *arguments: Any, **named: Any) -> Any:
        seen.append(INSIDE_CALL.get())
        return original(self, *arguments, **named)

    session = requests.Session()
    adapter = session.get_adapter("http://")
    adapter.get_connection_with_tls_context = look.__get__(adapter)  # type: ignore[attr-defined]
    session.get(sink.url, timeout=5)
    assert seen == [True]
    assert not INSIDE_CALL.get()


def test_imported_before_or_after(run: Callable[..., Any], sink: CollectorSink) -> None:
    script = """
    import json, sys
    if sys.argv[2] == "before":
        import requests
    import spanwise
    spanwise.instrument(service="x", sample_rate=1, export=lambda body: None)
    assert ("requests" in sys.modules) == (sys.argv[2] == "before")
    import requests
    requests.get(sys.argv[1], timeout=5)
    from prometheus_client import REGISTRY
    print(json.dumps([s.value for f in REGISTRY.collect() for s in f.samples
                      if s.name == "http_client_request_duration_seconds_count"]))
    """
    for order in ("before", "after"):
        assert run(script, sink.url, order).json == [1.0]
    assert all("traceparent" in request.headers for request in sink.requests)
    assert importlib.util.find_spec("requests") is not None


def test_an_argument_of_a_later_version_is_passed_on() -> None:
    seen: dict[str, Any] = {}

    class HTTPAdapter:
        def send(self, request: Any, stream: bool = False, timeout: Any = None, **named: Any) -> requests.Response:
            seen.update(named, timeout=timeout)
            response = requests.Response()
            response.status_code = 200
            return response

    made = Pipeline()
    integration.hook(SimpleNamespace(HTTPAdapter=HTTPAdapter), made.client)
    request = requests.Request("GET", "http://nowhere.invalid/").prepare()
    HTTPAdapter().send(request, timeout=3, later=4)
    assert seen == {"timeout": 3, "later": 4}
    assert request.headers["traceparent"].endswith("-03")
    assert request.headers["tracestate"] == "ot=th:0"
    assert labels(made)[0]["http_response_status_code"] == "200"


def test_a_wrapper_beneath_gets_its_arguments_as_they_were_given() -> None:
    seen: list[Any] = []

    class HTTPAdapter:
        def send(self, request: Any, *given: Any, **named: Any) -> requests.Response:
            seen.extend([given, named])
            response = requests.Response()
            response.status_code = 200
            return response

    made = Pipeline(rate=0.0)
    integration.hook(SimpleNamespace(HTTPAdapter=HTTPAdapter), made.client)
    request = requests.Request("GET", "http://nowhere.invalid/").prepare()
    HTTPAdapter().send(request, False, timeout=3)
    assert seen == [(False,), {"timeout": 3}]
    assert request.headers["traceparent"].endswith("-02")
    assert labels(made)[0]["http_response_status_code"] == "200"


def test_a_failed_root_that_was_not_sampled_is_kept_under_what_its_callee_was_told(
    sink: CollectorSink, pipeline: Pipeline
) -> None:
    pipeline.sampling.set_rate(0.0)
    for status in (200, 503):
        sink.answers.append(Answer(status))
        requests.get(sink.url, timeout=5)
    span = pipeline.span
    told = sink.requests[1].headers["traceparent"].split("-")
    assert told[1:] == [f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", "02"]
    assert span.parent is None
    assert sorted(one["http_response_status_code"] for one in labels(pipeline)) == ["200", "503"]


def test_one_of_a_request_that_was_not_sampled_is_kept_below_it(pipeline: Pipeline) -> None:
    current = UnsampledSpan(5, None)
    with use_span(current), pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{free_port()}/", timeout=5)
    assert pipeline.span.parent == current.get_span_context()


def test_a_request_s_whole_way_is_measured(sink: CollectorSink, pipeline: Pipeline) -> None:
    pipeline.sampling.set_rate(0.0)
    sink.answers.append(Answer(200, delay_s=0.2))
    requests.get(sink.url, timeout=5)
    (took,) = [sample.value for sample in pipeline.samples(f"{CLIENT_DURATION}_sum")]
    assert 0.2 <= took < 5


def test_an_error_is_kept_below_the_span_that_was_current_when_the_call_began(pipeline: Pipeline) -> None:
    """Not below one that a generator of the body has left open."""
    current, left_open = UnsampledSpan(5, None), UnsampledSpan(6, None)

    class Leaves(requests.adapters.HTTPAdapter):
        def get_connection_with_tls_context(self, *given: Any, **named: Any) -> Any:
            attach(set_span_in_context(left_open))
            raise requests.ConnectionError("reset")

    session = requests.Session()
    session.mount("http://", Leaves())
    for expected in (current.get_span_context(), None):
        token = attach(set_span_in_context(current) if expected else Context())
        with pytest.raises(requests.ConnectionError):
            session.get("http://nowhere.invalid/", timeout=5)
        detach(token)
        assert pipeline.spans[-1].parent == expected
        assert pipeline.spans[-1].context.trace_id != left_open.get_span_context().trace_id


def _later(self: Any, request: Any, stream: Any = False, timeout: Any = None, verify: Any = True, cert: Any = None,
           proxies: Any = None, *, later: Any = None) -> requests.Response:  # fmt: skip
    return _answered(later)


def _with_a_default(self: Any, request: Any, stream: Any = False, timeout: Any = 10, verify: Any = True,
                    cert: Any = None, proxies: Any = None) -> requests.Response:  # fmt: skip
    return _answered(timeout)


def _answered(reason: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = 200, reason
    return response


@pytest.mark.parametrize(("send", "given", "reason"), [(_later, {"later": 4}, 4), (_with_a_default, {}, 10)])
def test_what_only_resembles_the_known_one_gets_what_was_given(send: Any, given: Any, reason: Any) -> None:
    adapter = type("HTTPAdapter", (), {"send": send})
    integration.hook(SimpleNamespace(HTTPAdapter=adapter), Pipeline(rate=0.0).client)
    request = requests.Request("GET", "http://nowhere.invalid/").prepare()
    assert adapter().send(request, **given).reason == reason
