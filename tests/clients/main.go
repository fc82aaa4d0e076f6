// Official clients of other projects against a running collector: the Jaeger-remote sampler of OpenTelemetry's Go SDK, and
// Zipkin's Go library, whose span model is also what Grafana's zipkin data source decodes with.
//
//	clients http://127.0.0.1:9411
//
// prints a line for each thing that was seen, and ends with 1 at the first that was not.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	patience  = 20 * time.Second
	decisions = 40_000
	// Six standard errors of a share of 0.5 of so many decisions.
	tolerance = 0.015
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: clients COLLECTOR_URL")
		os.Exit(2)
	}
	for _, check := range []func(string) error{sampler, zipkin} {
		if err := check(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "clients:", err)
			os.Exit(1)
		}
	}
}

// sampler sees that the share which is sampled is that of the policy, and that a changed policy arrives.
func sampler(url string) error {
	const service = "clients-sampler"
	address := url + "/sampling"
	if err := setRate(url, service, 0.25); err != nil {
		return err
	}
	remote := jaegerremote.New(service, jaegerremote.WithSamplingServerURL(address),
		jaegerremote.WithSamplingRefreshInterval(200*time.Millisecond), jaegerremote.WithInitialSampler(sdk.NeverSample()))
	defer remote.Close()
	for _, rate := range []float64{0.25, 0.75, 0, 1} {
		if err := setRate(url, service, rate); err != nil {
			return err
		}
		var share float64
		if err := eventually(func() bool { share = sampled(remote); return math.Abs(share-rate) <= tolerance }); err != nil {
			return fmt.Errorf("jaegerremote: policy %g, but %.4f of %d traces are sampled", rate, share, decisions)
		}
		fmt.Printf("jaegerremote: policy %g, %.4f of %d traces sampled\n", rate, share, decisions)
	}
	return nil
}

func setRate(url, service string, rate float64) error {
	body, _ := json.Marshal(map[string]float64{"rate": rate})
	request, err := http.NewRequest(http.MethodPut, url+"/api/spanwise/sampling?service="+service, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("policy %g was refused: %s: %s", rate, answer.Status, said)
	}
	return nil
}

func sampled(by sdk.Sampler) float64 {
	kept := 0
	for range decisions {
		var id trace.TraceID
		_, _ = rand.Read(id[:])
		if by.ShouldSample(sdk.SamplingParameters{TraceID: id, Name: "GET /x"}).Decision == sdk.RecordAndSample {
			kept++
		}
	}
	return float64(kept) / decisions
}

// zipkin reports a call with Zipkin's own reporter, and reads it back with Zipkin's own model by each route that lists spans.
func zipkin(url string) error {
	caller, callee := call()
	sender := zipkinhttp.NewReporter(url+"/api/v2/spans", zipkinhttp.BatchInterval(50*time.Millisecond))
	report(sender, caller, callee)
	if err := sender.Close(); err != nil {
		return err
	}
	id := caller.TraceID.String()
	var found []model.SpanModel
	if err := eventually(func() bool { return get(url+"/api/v2/trace/"+id, &found) == nil && len(found) == 2 }); err != nil {
		return fmt.Errorf("zipkin: trace %s has not come: %d spans", id, len(found))
	}
	for _, sent := range []model.SpanModel{caller, callee} {
		if err := same(sent, found); err != nil {
			return err
		}
	}
	fmt.Printf("zipkin-go: reported trace %s and read both spans back as they were\n", id)

	var lists [][]model.SpanModel
	query := "/api/v2/traces?serviceName=clients-front&annotationQuery=http.method%3DGET&limit=5"
	if err := get(url+query, &lists); err != nil || len(lists) != 1 || len(lists[0]) != 2 {
		return fmt.Errorf("zipkin: %s: %d traces, %v", query, len(lists), err)
	}
	fmt.Printf("zipkin-go: found it by service and tag\n")
	return nil
}

// call is a client's span and its server's, in two services.
func call() (model.SpanModel, model.SpanModel) {
	now := time.Now().Truncate(time.Microsecond).Add(-time.Second)
	random := make([]byte, 24)
	_, _ = rand.Read(random)
	trace := model.TraceID{High: binary.BigEndian.Uint64(random), Low: binary.BigEndian.Uint64(random[8:])}
	parent := model.ID(binary.BigEndian.Uint64(random[16:]))
	caller := model.SpanModel{
		SpanContext: model.SpanContext{TraceID: trace, ID: parent},
		Name:        "get", Kind: model.Client, Timestamp: now, Duration: 90 * time.Millisecond,
		LocalEndpoint:  &model.Endpoint{ServiceName: "clients-front", Port: 8080},
		RemoteEndpoint: &model.Endpoint{ServiceName: "clients-back"},
		Annotations:    []model.Annotation{{Timestamp: now.Add(time.Millisecond), Value: "retry"}},
		Tags:           map[string]string{"http.method": "GET"},
	}
	callee := model.SpanModel{
		SpanContext: model.SpanContext{TraceID: trace, ParentID: &parent, ID: parent + 1},
		Name:        "get /things", Kind: model.Server, Timestamp: now.Add(20 * time.Millisecond), Duration: 50 * time.Millisecond,
		LocalEndpoint: &model.Endpoint{ServiceName: "clients-back"},
		Tags:          map[string]string{"error": "out of stock"},
	}
	return caller, callee
}

func report(to reporter.Reporter, spans ...model.SpanModel) {
	for _, span := range spans {
		to.Send(span)
	}
}

// same compares as JSON, which is what Zipkin's model writes and reads.
func same(sent model.SpanModel, found []model.SpanModel) error {
	want, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	for _, one := range found {
		if one.ID != sent.ID {
			continue
		}
		if got, err := json.Marshal(one); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("zipkin: sent %s, read back %s (%v)", want, got, err)
		}
		return nil
	}
	return fmt.Errorf("zipkin: span %s is missing", sent.ID)
}

func get(url string, into any) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", answer.Status)
	}
	decoder := json.NewDecoder(answer.Body)
	return decoder.Decode(into)
}

func eventually(condition func() bool) error {
	until := time.Now().Add(patience)
	for time.Now().Before(until) {
		if condition() {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("not within %s", patience)
}
