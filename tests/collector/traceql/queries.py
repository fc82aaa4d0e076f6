"""The queries of the TraceQL suite, by what each list is about."""

from __future__ import annotations

COMPARISONS = [
    "{}", "{ }", "{ true }", "{ false }", "{ 1 = 1 }", '{ "a" = "b" }', "{ 1 < 2.5 }", "{ 2s > 1500ms }",
    "{ span.n = 1 }", "{ span.n != 1 }", "{ span.n > 1 }", "{ span.n >= 1 }", "{ span.n < 1 }", "{ span.n <= 1 }",
    "{ span.n = 0.5 }", "{ span.n = 2 }", "{ span.n = 2.0 }", "{ span.n = -1 }", "{ span.n > -1 }", "{ 1 < span.n }",
    "{ 1 = span.n }", '{ span.s = "x" }', '{ span.s != "x" }', '{ span.s > "x" }', '{ span.s <= "x" }',
    '{ span.s = "" }', '{ span.s != "" }', '{ "x" = span.s }', '{ span.n = "1" }', "{ span.s = 1 }",
    "{ span.flag = true }", "{ span.flag != true }", "{ span.flag = false }", "{ span.flag }", "{ !span.flag }",
    "{ span.big = 4611686018427387905 }", "{ span.big > 4611686018427387904 }", "{ span.big != 4611686018427387904 }",
    "{ span.n = span.m }", "{ span.n > span.m }", "{ span.mixed = resource.both }", "{ span.s = name }",
    "{ span.both = .both }", "{ resource.cpu = span.n }", "{ span.n != span.m }", "{ span.mixed != span.mixed }",
]  # fmt: skip
TYPES = [
    "{ span.mixed = 1 }", "{ span.mixed = 1.0 }", '{ span.mixed = "1" }', "{ span.mixed = true }",
    '{ span.mixed = "true" }', "{ span.mixed != 1 }", '{ span.mixed != "1" }', "{ span.mixed != true }",
    "{ span.mixed > 0 }", '{ span.mixed > "0" }', "{ span.mixed != nil }", "{ span.mixed = nil }",
    "{ nil = span.mixed }", "{ nil != span.mixed }", "{ nil = nil }", "{ nil != nil }", '{ "a" != nil }',
    "{ span.list != nil }", '{ span.list = "x" }', '{ span.list != "x" }', "{ span.mixed = 1ms }",
]  # fmt: skip
SCOPES = [
    '{ resource.region = "e" }', '{ resource.region != "e" }', '{ resource.region =~ "e|w" }', "{ resource.cpu = 4 }",
    "{ resource.cpu > 2 }", "{ resource.cpu >= 4.0 }", "{ resource.absent = nil }", "{ resource.both = nil }",
    "{ resource.both != nil }", '{ resource.service.name = "shop" }', '{ resource.service.name != "shop" }',
    '{ resource.service.name =~ "s.*|db" }', '{ resource.service.name > "db" }', "{ .n = 1 }", '{ .region = "e" }',
    "{ .both = 1 }", '{ .both = "1" }', "{ .both != 1 }", "{ .both = nil }", "{ .both != nil }", "{ .both }",
    "{ !.both }", '{ .service.name = "cart" }', '{ .service.name != "cart" }', '{ event.what = "1" }',
    "{ event.what = 1 }", "{ event.what != 1 }", "{ event.what = nil }", "{ event.what != nil }", "{ 1 = event.what }",
    '{ event.what =~ "t.*" }', "{ event.what = span.mixed }", '{ link.why = "z" }', "{ link.why = nil }",
    "{ link.why != nil }", "{ instrumentation.lib = 1 }", "{ instrumentation.lib = nil }",
    "{ instrumentation.lib != nil }", "{ resource.both = span.both }", "{ resource.both || span.flag }",
    "{ !resource.both }", "{ resource.absent != 1 }", '{ span.absent !~ "x" }',
]  # fmt: skip
INTRINSICS = [
    "{ duration > 100ms }", "{ duration <= 0.1s }", "{ duration = 0 }", "{ span:duration >= 200ms }",
    "{ 100ms < duration }", '{ name = "a" }', '{ name != "a" }', '{ name =~ "GET.*" }', '{ name !~ "GET.*" }',
    '{ span:name = "b" }', "{ kind = server }", "{ kind != server }", "{ kind = unspecified || kind = internal }",
    "{ span:kind = client }", "{ kind = producer || kind = consumer }", "{ status = error }", "{ status != error }",
    "{ status = ok || status = unset }", "{ span:status = ok }", '{ statusMessage = "boom" }',
    '{ span:statusMessage != "" }', '{ statusMessage =~ "b.*" }', "{ traceDuration > 300ms }",
    "{ trace:duration < 300ms }", "{ traceDuration >= 100ms && traceDuration <= 500ms }", '{ rootName = "a" }',
    '{ trace:rootName != "a" }', '{ rootServiceName = "shop" }', '{ trace:rootService =~ "c.*" }',
    '{ rootName = "a" && name = "b" }', "{ nestedSetParent < 0 }", "{ nestedSetParent = -1 }",
    "{ nestedSetParent >= 0 }", "{ nestedSetParent = 0 }", "{ nestedSetParent > 1 }", "{ nestedSetLeft = 1 }",
    "{ nestedSetLeft > 3 }", "{ nestedSetRight < 5 }", "{ nestedSetRight - nestedSetLeft = 1 }",
    "{ childCount = 0 }", "{ span:childCount > 1 }", "{ span:parentID = nil }", "{ span:parentID != nil }",
    "{ parent = nil }", '{ span:parentID != "x" }', '{ span:id =~ "[0-7].*" }', '{ trace:id =~ "[0-7].*" }',
    "{ span:multiplier = 1 }", "{ span:multiplier > 1.5 }", "{ span:multiplier = 0 }", '{ event:name = "exception" }',
    '{ event:name != "exception" }', '{ event:name =~ "ex.*" }', "{ event:name = nil }", "{ event:name != nil }",
    "{ event:timeSinceStart > 3ms }", "{ event:timeSinceStart = 0 }",
    '{ link:traceID = "abababababababababababababababab" }', '{ link:spanID != "cdcdcdcdcdcdcdcd" }',
    "{ link:spanID != nil }", '{ instrumentation:name = "flask" }', '{ instrumentation:version != "1.0" }',
    '{ instrumentation:name =~ "fl.*" && name = "a" }',
]  # fmt: skip
PRECEDENCE = [
    "{ span.n = 1 && span.m = 1 || span.flag = true }", "{ span.flag = true || span.n = 1 && span.m = 1 }",
    "{ span.flag = true || (span.n = 1 && span.m = 1) }", "{ (span.flag = true || span.n = 1) && span.m = 1 }",
    "{ span.n + 1 > 2 }", "{ span.n + span.m * 2 > 5 }", "{ (span.n + span.m) * 2 > 5 }", "{ span.n - 1 - 1 = 0 }",
    "{ span.m ^ 2 = 9 }", "{ 2 ^ 3 ^ span.m = 2 ^ (3 ^ span.m) }", "{ 2 ^ 3 ^ span.m = (2 ^ 3) ^ span.m }",
    "{ -span.m ^ 2 = -4 }", "{ -span.n = 1 }", "{ -span.n * 2 < -1 }", "{ span.m % 2 = 1 }",
    "{ span.n / span.m > 0.9 }", "{ span.m / span.n > 1 }", "{ span.n % 0 = 0 }", "{ 10 - span.m * 2 - 1 = 5 }",
    "{ !(span.n = 1) }",
    "{ !(span.n = 1) && span.m = 1 }", "{ !(span.n = 1 && span.m = 1) }", "{ !!(span.n = 1) }",
    "{ (span.n > 1) = (span.m > 1) }", "{ (span.n > 1) = true }", "{ (span.n > 1) != span.flag }",
    "{ duration * 2 > 400ms }", "{ duration - 100ms < 0 }", "{ duration / 1ms > 200 }",
    "{ span.n = 1 }\n&&\t{ span.m = 1 }", "{ name = `a` && duration > 10ms && (kind = server || kind = client) }",
]  # fmt: skip
ESCAPES = [
    '{ span.s = "q\\"uo\\\\te" }', '{ span.s = `q"uo\\te` }', '{ span.s = "x\\ny" }', '{ span.s =~ "x.y" }',
    '{ span.s =~ "x\\ny" }', '{ span.s =~ "x" }', '{ span.s =~ "x.*" }', '{ span.s =~ ".*y" }', '{ span.s =~ "" }',
    '{ span.s =~ "x|y" }', '{ span.s !~ "x|y" }', '{ span.s =~ "(x)(y)?" }', '{ span.s = "\\u00fc" }',
    '{ span.s = "ü" }', '{ span.s = "\\x78" }', '{ span."with space/slash" = "v" }', '{ ."with space/slash" = "v" }',
    '{ span."with space"/slash = "v" }', "{ span.http.status_code = 500 }", "{ span.http.status_code >= 400 }",
    '{ span."http.status_code" = 404 }', "{ span.s = \"'; DROP TABLE spans --\" }", '{ span."\' OR 1=1 --" = nil }',
    '{ span.s = "{c0:String}" }', '{ span.s = "$names /*names*/" }',
]  # fmt: skip
SPANSETS = [
    '{ name = "a" } && { name = "b" }', '{ name = "a" } || { name = "b" }',
    '{ name = "a" } && { name = "b" } || { status = error }', '{ name = "a" } || { name = "b" } && { status = error }',
    '{ name = "a" } || ({ name = "b" } && { status = error })', '{ name = "a" } > { name = "b" }',
    '{ name = "a" } < { name = "b" }', '{ name = "a" } >> { name = "b" }', '{ name = "a" } << { name = "b" }',
    '{ name = "a" } ~ { name = "b" }', '{ name = "a" } !> { name = "b" }', '{ name = "a" } !< { name = "b" }',
    '{ name = "a" } !>> { name = "b" }', '{ name = "a" } !<< { name = "b" }', '{ name = "a" } !~ { name = "b" }',
    '{ name = "a" } &> { name = "b" }', '{ name = "a" } &< { name = "b" }', '{ name = "a" } &>> { name = "b" }',
    '{ name = "a" } &<< { name = "b" }', '{ name = "a" } &~ { name = "b" }', "{} > {}", "{} >> {}", "{} ~ {}",
    "{} !> {}", "{} !>> {}", "{} !< {}", "{} &>> {}", "{ kind = server } > { status = error } > { }",
    "{ kind = server } >> { status = error } && { span.n = 1 }", "{ status = error } << { nestedSetParent < 0 }",
    '({ name = "a" } || { name = "b" }) > { status = error }',
    '{ resource.service.name = "shop" } >> { resource.region = "e" }',
    "{ span.flag } !>> { status = error }", "{ false } !> { status = ok }", "{ false } && {}",
    "{ false } || { span.n = 1 }", "{ span.n = 1 } &<< { span.m = 1 }",
    "{ rootName = `a` } > { kind = client }",
]  # fmt: skip
PIPELINES = [
    "{ status = error } | count() > 1", "{} | count() = 3", "{} | count() >= 5 | { status = error }",
    "{} | avg(duration) > 200ms", "{} | max(duration) > 390ms", "{} | min(duration) < 10ms", "{} | sum(duration) > 1s",
    "{} | max(span.n) >= 2", "{} | avg(span.n) < 1", "{} | sum(span.m) > 5", "{} | min(.cpu) = 2",
    "{} | max(span.absent) > 0",
    "{} | max(duration) - min(duration) > 200ms", "{} | count() * 2 > 9", "{} | (count() + 1) * 2 > 9",
    "{} | sum(duration) / count() > 200ms", "{} | 3 < count()", "{} | -count() < -4", "{} | count() % 2 = 1",
    "{} | by(kind) | count() > 1", "{} | by(resource.service.name)", "{} | by(span.n)", "{} | by(.both) | count() > 1",
    "{} | by(name) | by(status) | count() > 1", "{} | by(span.n > 1)", "{} | by(span.n + 1) | count() > 1",
    "{} | by(kind) | coalesce() | count() > 4", "{} | by(rootName) | count() > 3",
    "{} | by(kind) | max(duration) > 300ms", "({} | by(kind) | count() > 1) && { name = `a` }",
    "{} | by(event:name)", "{} | by(event.what) | count() > 1", "{} | { span.n = 1 } | { span.m = 1 }",
    "{} | { name = `a` } > { name = `b` }", "{} | by(resource.service.name) | {} > {}",
    "{} | by(resource.service.name) | { name = `a` } && { name = `b` }", "{} | by(kind) | {} ~ {} | count() > 1",
    "({ status = error } | count() > 1) && { name = `a` }", "({ status = error } | count() > 1) || { name = `a` }",
    "({} | count() > 4) >> { status = error }", "({} | by(kind) | count() > 1) | count() > 2",
    "({ kind = server }) > ({ kind = client } | count() >= 1)", "{} | select(span.n) | count() > 2",
]  # fmt: skip
GRAFANA = [
    '{resource.service.name="shop" && name="a" && span.http.status_code=500}',
    '{resource.service.name="shop" && duration>100ms && traceDuration<2s && kind=server && status=error}',
    '{.s=~"x|y" && (span.n=1 || span.n=2)}', "{} | select(span.n, resource.region)", "{} with(most_recent=true)",
    "{status=error} with(sample=true)", "{nestedSetParent<0 && true}", "{nestedSetParent<0 && kind=server}",
    "{true && status = error}", "{kind=server && true}", "{kind=consumer}", '{span.http.status_code!=""}',
    "({nestedSetParent<0 && true} &>> { status = error }) || ({nestedSetParent<0 && true})"
    " | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
    "({nestedSetParent<0 && resource.region=`e`} &>> { kind = server }) || ({nestedSetParent<0 && resource.region=`e`})"
    " | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
    "{nestedSetParent<0 && status=error} | select(resource.service.name,event.exception.message,"
    "event.exception.stacktrace,event.exception.type) with(most_recent=true)",
    '{nestedSetParent<0 && resource.service.name != nil && status=error && duration >= 10ms}',
]  # fmt: skip
QUERIES = [
    *COMPARISONS, *TYPES, *SCOPES, *INTRINSICS, *PRECEDENCE, *ESCAPES, *SPANSETS, *PIPELINES, *GRAFANA,
]  # fmt: skip
