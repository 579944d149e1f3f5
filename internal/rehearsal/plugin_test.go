package rehearsal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

var record = flag.Bool("record", false, "write "+recorded+" or "+recordedMessages+", with -real-plugin")

var realPlugin = flag.String("real-plugin", "",
	"a pulumi-resource-gcp of version "+toolchain.GCPVersion+", whose behaviour is recorded with -record, or else compared")

// The records of how the real plugin behaves: every call of the engine with its answer, and
// the requests that Google got meanwhile. That of Pub/Sub and what belongs to it is one of
// its own.
const (
	recorded         = "testdata/plugin.txt"
	recordedMessages = "testdata/messages.txt"
)

// TestPlugin holds the stand-in for Pulumi's Google Cloud plugin to the recorded
// behaviour of the real one; and the real one, too, where it is installed in Pulumi's home
// or -real-plugin names it. The real one takes two minutes: it sleeps much.
func TestPlugin(t *testing.T) { testPlugin(t, recorded, behaviour) }

// TestPluginMessages is TestPlugin of Pub/Sub's resources and of what tells of objects.
func TestPluginMessages(t *testing.T) { testPlugin(t, recordedMessages, behaviourOfMessages) }

func testPlugin(t *testing.T, recorded string, behaviour func(*testing.T, string) string) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tools, err := toolchain.New(root)
	if err != nil {
		t.Fatal(err)
	}
	genuine := *realPlugin
	if path, standIn, _, err := tools.GCP(); err == nil && !standIn && genuine == "" {
		genuine = path
	}
	if genuine != "" {
		got := behaviour(t, genuine)
		if *record {
			if err := os.WriteFile(recorded, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		hold(t, recorded, "the real plugin", got)
	}
	path, tool, err := tools.StandIn()
	if err != nil {
		t.Fatal(err)
	}
	if !tool.Ready {
		if _, err := tool.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	hold(t, recorded, "the stand-in", behaviour(t, path))
}

func hold(t *testing.T, recorded, who, got string) {
	t.Helper()
	want, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s does not behave as recorded (-want +got):\n%s", who, diff)
	}
}

// driven is a running plugin, and the Google that it calls.
type driven struct {
	t      *testing.T
	google *googletest.Server
	client pulumirpc.ResourceProviderClient

	mu       sync.Mutex
	out      strings.Builder
	requests []string
}

// behaviour drives a plugin as Pulumi's engine does.
func behaviour(t *testing.T, path string) string {
	t.Helper()
	d, address := drive(t, func(o *google.Options) {
		o.Services = []string{"cloudresourcemanager.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "orgpolicy.googleapis.com", "storage.googleapis.com", "sts.googleapis.com"}
	})
	endpoints := map[string]string{"iam": "/", "iamBeta": "/v1/", "resourceManager": "/", "serviceUsage": "/", "storage": "/storage/v1/"}
	d.start(path, address, endpoints)
	d.life()
	// Over plain http the version is not taken off an address.
	endpoints["iam"], endpoints["resourceManager"], endpoints["serviceUsage"] = "/v1/", "/v1/", "/v1/"
	d.start(path, address, endpoints)
	// (A Service would end the real plugin, which takes the 404 for a missing project.)
	d.thing("gcp:serviceaccount/account:Account").make(map[string]any{"project": googletest.Project, "accountId": "my-account"})
	d.thing("gcp:projects/iAMMember:IAMMember").make(
		map[string]any{"project": googletest.Project, "role": "roles/browser", "member": "allUsers"},
	)
	return d.out.String()
}

// drive starts a Google Cloud, and the address where a plugin finds it.
func drive(t *testing.T, changes ...func(*google.Options)) (d *driven, address string) {
	t.Helper()
	d = &driven{t: t, google: googletest.Start(t, changes...)}
	front := httptest.NewServer(google.Lines(http.HandlerFunc(d.watch)))
	t.Cleanup(front.Close)
	return d, front.URL
}

// watch records a request and lets the local Google answer it.
func (d *driven) watch(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	query := r.URL.Query()
	query.Del("alt") // of the clients of google.golang.org/api: the form of the answer, which is the default
	query.Del("prettyPrint")
	line := r.Method + " " + r.URL.Path
	if len(query) > 0 {
		line += "?" + query.Encode()
	}
	var value any
	if json.Unmarshal(body, &value) == nil {
		compact, err := json.Marshal(value)
		if err != nil {
			panic(err) // it was JSON just now
		}
		line += " " + string(compact)
	}
	d.mu.Lock()
	d.requests = append(d.requests, line)
	d.mu.Unlock()
	d.google.ServeHTTP(w, r)
}

// engineServer is what a plugin needs of Pulumi's engine: somewhere to log.
type engineServer struct {
	pulumirpc.UnimplementedEngineServer
}

func (engineServer) Log(context.Context, *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// start starts the plugin, with endpoints below an address.
func (d *driven) start(path, address string, endpoints map[string]string) {
	d.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	server := grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, engineServer{})
	go func() { _ = server.Serve(listener) }()
	d.t.Cleanup(server.Stop)
	home := d.t.TempDir()
	cmd := exec.CommandContext(d.t.Context(), path, listener.Addr().String())
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GOOGLE_OAUTH_ACCESS_TOKEN=" + d.google.AdminToken(),
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "NO_PROXY=127.0.0.1", "PULUMI_HOME=" + filepath.Join(home, ".pulumi"),
	}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		d.t.Fatal(err)
	}
	connection, err := grpc.NewClient("127.0.0.1:"+strings.TrimSpace(port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = connection.Close() })
	d.client = pulumirpc.NewResourceProviderClient(connection)
	variables, args := map[string]string{}, resource.PropertyMap{}
	for api, value := range endpoints {
		key := api + "CustomEndpoint"
		variables["gcp:config:"+key] = address + value
		args[resource.PropertyKey(key)] = resource.NewStringProperty(address + value)
	}
	_, err = d.client.Configure(d.t.Context(), &pulumirpc.ConfigureRequest{
		Variables: variables, Args: d.marshal(args), AcceptSecrets: true, AcceptResources: true,
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

var options = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true}

func (d *driven) marshal(m resource.PropertyMap) *structpb.Struct {
	d.t.Helper()
	s, err := plugin.MarshalProperties(m, options)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *driven) unmarshal(s *structpb.Struct) resource.PropertyMap {
	d.t.Helper()
	m, err := plugin.UnmarshalProperties(s, options)
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

// varying are parts of texts that differ from run to run.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`operations/[0-9]+`), "operations/N"},
	{regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`), "http://GOOGLE"},
	{regexp.MustCompile(`"etag":"[^"]+"`), `"etag":"E"`},
	{regexp.MustCompile(`"uniqueId":"[0-9]+"`), `"uniqueId":"N"`},
}

// say writes what an answer was, and the requests that came before it.
func (d *driven) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	for _, request := range d.requests {
		text += "\n    " + request
	}
	d.requests = nil
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	d.out.WriteString(text + "\n")
}

// properties shows a resource's properties, but for what the engine alone reads.
func properties(m resource.PropertyMap) string {
	m = maps.Clone(m)
	for _, key := range []resource.PropertyKey{"__meta", "__defaults", "timeouts"} {
		delete(m, key)
	}
	for key, value := range m {
		switch {
		case value.IsNull():
			delete(m, key)
		case value.IsComputed() || value.IsOutput():
			m[key] = resource.NewStringProperty("UNKNOWN")
		case value.IsObject():
			delete(value.ObjectValue(), "__defaults")
		}
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m.Mappable()); err != nil {
		panic(err) // plain values alone: cannot happen
	}
	return strings.TrimSpace(out.String())
}

// thing is a resource in the hands of the engine.
type thing struct {
	*driven
	urn, name string
	id        string
	inputs    resource.PropertyMap // as checked
	state     resource.PropertyMap
}

func (d *driven) thing(token string) *thing {
	short := token[strings.LastIndex(token, ":")+1:]
	return &thing{driven: d, urn: "urn:pulumi:test::test::" + token + "::" + short, name: short}
}

func (x *thing) check(values map[string]any) bool {
	x.t.Helper()
	out, err := x.client.Check(x.t.Context(), &pulumirpc.CheckRequest{
		Urn: x.urn, Olds: x.marshal(x.inputs), News: x.marshal(resource.NewPropertyMapFromMap(values)), RandomSeed: []byte("seed"),
	})
	if err != nil {
		x.t.Fatalf("checking %s: %v", x.name, err)
	}
	if len(out.Failures) > 0 {
		x.say("check %s: refused", x.name)
		return false
	}
	x.inputs = x.unmarshal(out.Inputs)
	x.say("check %s: %s", x.name, properties(x.inputs))
	return true
}

func (x *thing) create(preview bool) {
	x.t.Helper()
	out, err := x.client.Create(x.t.Context(), &pulumirpc.CreateRequest{Urn: x.urn, Properties: x.marshal(x.inputs), Preview: preview})
	if err != nil {
		x.say("create %s: refused with %s", x.name, status(err))
		return
	}
	state := x.unmarshal(out.Properties)
	if preview {
		x.say("preview %s: %s", x.name, properties(state))
		return
	}
	x.id, x.state = out.Id, state
	x.say("create %s: %s %s", x.name, x.id, properties(state))
}

// answered finds the HTTP status in a plugin's error.
var answered = regexp.MustCompile(`[Ee]rror (\d{3})`)

func status(err error) string {
	for _, detail := range grpcstatus.Convert(err).Details() {
		if partly, ok := detail.(*pulumirpc.ErrorResourceInitFailed); ok {
			return number(err) + ", and exists as " + partly.Id
		}
	}
	return number(err)
}

func number(err error) string {
	if m := answered.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return "an error"
}

// make checks, previews and creates.
func (x *thing) make(values map[string]any) {
	x.t.Helper()
	if x.check(values) {
		x.create(true)
		x.create(false)
	}
}

func (x *thing) read(imported bool) {
	x.t.Helper()
	request := &pulumirpc.ReadRequest{Id: x.id, Urn: x.urn, Properties: x.marshal(x.state), Inputs: x.marshal(x.inputs)}
	what := "read"
	if imported {
		request.Properties, request.Inputs, what = nil, nil, "import"
	}
	out, err := x.client.Read(x.t.Context(), request)
	switch {
	case err != nil:
		x.say("%s %s: refused with %s", what, x.name, status(err))
	case out.Id == "":
		x.say("%s %s: gone", what, x.name)
	default:
		x.say("%s %s: %s %s", what, x.name, out.Id, properties(x.unmarshal(out.Properties)))
		x.say("  inputs %s", properties(x.unmarshal(out.Inputs)))
	}
}

// refresh takes over what is read.
func (x *thing) refresh() {
	x.t.Helper()
	out, err := x.client.Read(x.t.Context(), &pulumirpc.ReadRequest{
		Id: x.id, Urn: x.urn, Properties: x.marshal(x.state), Inputs: x.marshal(x.inputs),
	})
	if err != nil {
		x.t.Fatalf("refreshing %s: %v", x.name, err)
	}
	x.state, x.inputs = x.unmarshal(out.Properties), x.unmarshal(out.Inputs)
	x.say("refresh %s: %s", x.name, properties(x.state))
}

// together creates services at the same time. What was asked is in no order.
func (d *driven) together(names ...string) {
	d.t.Helper()
	var wait sync.WaitGroup
	for _, name := range names {
		x := d.thing("gcp:projects/service:Service")
		x.inputs = resource.NewPropertyMapFromMap(map[string]any{"project": googletest.Project, "service": name, "disableOnDestroy": false})
		wait.Go(func() {
			if _, err := d.client.Create(d.t.Context(), &pulumirpc.CreateRequest{Urn: x.urn + name, Properties: d.marshal(x.inputs)}); err != nil {
				d.t.Errorf("creating %s: %v", name, err)
			}
		})
	}
	wait.Wait()
	d.mu.Lock()
	slices.Sort(d.requests)
	for i, request := range d.requests { // the services come as they come
		if path, list, ok := strings.Cut(request, `{"serviceIds":[`); ok {
			services := strings.Split(strings.TrimSuffix(list, "]}"), ",")
			slices.Sort(services)
			d.requests[i] = path + `{"serviceIds":[` + strings.Join(services, ",") + "]}"
		}
	}
	d.mu.Unlock()
	d.say("create %s", strings.Join(names, " and "))
}

// change checks new inputs, asks for the difference, and updates where that is enough.
func (x *thing) change(values map[string]any) {
	x.t.Helper()
	old := x.inputs
	if !x.check(values) {
		return
	}
	diff, err := x.client.Diff(x.t.Context(), &pulumirpc.DiffRequest{
		Id: x.id, Urn: x.urn, Olds: x.marshal(x.state), News: x.marshal(x.inputs), OldInputs: x.marshal(old),
	})
	if err != nil {
		x.t.Fatalf("comparing %s: %v", x.name, err)
	}
	x.say("diff %s: %s, replaces %q, deletes first %v", x.name, diff.Changes, diff.Replaces, diff.DeleteBeforeReplace)
	if diff.Changes != pulumirpc.DiffResponse_DIFF_SOME || len(diff.Replaces) > 0 {
		x.inputs = old
		return
	}
	out, err := x.client.Update(x.t.Context(), &pulumirpc.UpdateRequest{
		Id: x.id, Urn: x.urn, Olds: x.marshal(x.state), News: x.marshal(x.inputs), OldInputs: x.marshal(old),
	})
	if err != nil {
		x.say("update %s: refused with %s", x.name, status(err))
		return
	}
	x.state = x.unmarshal(out.Properties)
	x.say("update %s: %s", x.name, properties(x.state))
}

func (x *thing) delete() {
	x.t.Helper()
	_, err := x.client.Delete(x.t.Context(), &pulumirpc.DeleteRequest{
		Id: x.id, Urn: x.urn, Properties: x.marshal(x.state), OldInputs: x.marshal(x.inputs),
	})
	if err != nil {
		x.say("delete %s: refused with %s", x.name, status(err))
		return
	}
	x.say("delete %s: done", x.name)
}

// life is a life of the resources of this repository's program, one after the other.
func (d *driven) life() {
	const project, pool = googletest.Project, "aws-connect"
	call := func(method, path string, body any) {
		d.t.Helper()
		d.google.Must(d.t, method, path, body)
	}

	d.together("pubsub.googleapis.com", "run.googleapis.com", "iam.googleapis.com")
	call("POST", "/v1/projects/"+project+"/services/pubsub.googleapis.com:disable", nil)

	services := "/v1/projects/" + project + "/services/"
	service := d.thing("gcp:projects/service:Service")
	service.check(map[string]any{"project": project, "service": "pubsub"})
	service.make(map[string]any{"project": project, "service": "pubsub.googleapis.com", "disableOnDestroy": false})
	service.make(map[string]any{"project": project, "service": "pubsub.googleapis.com", "disableOnDestroy": false}) // it is enabled
	service.read(false)
	service.read(true)
	service.change(map[string]any{"project": project, "service": "pubsub.googleapis.com", "disableOnDestroy": true})
	service.change(map[string]any{"project": project, "service": "run.googleapis.com", "disableOnDestroy": true})
	call("POST", services+"pubsub.googleapis.com:disable", nil)
	service.read(false)
	call("POST", services+"pubsub.googleapis.com:enable", nil)
	service.delete()
	service.change(map[string]any{"project": project, "service": "pubsub.googleapis.com", "disableOnDestroy": false})
	service.delete()

	call("POST", services+"cloudresourcemanager.googleapis.com:disable", nil)
	call("POST", services+"pubsub.googleapis.com:disable", nil)
	service.create(false) // it is enabled, but the project cannot be read
	service.read(false)
	call("POST", services+"cloudresourcemanager.googleapis.com:enable", nil)
	service.read(false)

	account := d.thing("gcp:serviceaccount/account:Account")
	for _, id := range []string{"short", "Capital-letters", "ends-with-"} {
		account.check(map[string]any{"project": project, "accountId": id})
	}
	account.check(map[string]any{"project": project, "accountId": "my-account", "description": strings.Repeat("x", 257)})
	account.make(map[string]any{"project": project, "accountId": "my-account", "displayName": "mine", "description": "of this test"})
	account.read(false)
	account.read(true)
	account.change(map[string]any{"project": project, "accountId": "my-account", "displayName": "mine", "description": "of this test"})
	account.change(map[string]any{"project": project, "accountId": "my-account", "displayName": "ours", "description": "of this test"})
	account.change(map[string]any{"project": project, "accountId": "my-account", "displayName": "ours"})
	account.change(map[string]any{"project": project, "accountId": "other-account", "displayName": "ours"})
	call("POST", googletest.Accounts+"/"+googletest.Email("my-account")+":disable", nil)
	account.read(false)
	call("POST", googletest.Accounts+"/"+googletest.Email("my-account")+":enable", nil)
	again := d.thing("gcp:serviceaccount/account:Account")
	again.make(map[string]any{"project": project, "accountId": "my-account"})

	pools := d.thing("gcp:iam/workloadIdentityPool:WorkloadIdentityPool")
	for _, id := range []string{"abc", "Capital", "gcp-reserved", "under_score"} {
		pools.check(map[string]any{"project": project, "workloadIdentityPoolId": id})
	}
	pools.make(map[string]any{"project": project, "workloadIdentityPoolId": pool, "displayName": "AWS", "description": "of this test"})
	pools.read(false)
	pools.read(true)
	pools.change(map[string]any{"project": project, "workloadIdentityPoolId": pool, "displayName": "AWS", "description": "changed"})
	pools.change(map[string]any{"project": project, "workloadIdentityPoolId": pool, "displayName": "AWS", "description": "changed", "disabled": true})
	pools.change(map[string]any{"project": project, "workloadIdentityPoolId": pool, "displayName": "AWS", "description": "changed"})
	pools.change(map[string]any{"project": project, "workloadIdentityPoolId": "other-pool", "displayName": "AWS", "description": "changed"})

	call("PATCH", googletest.Pools+"/"+pool+"?updateMask=disabled", map[string]any{"disabled": true})
	pools.refresh()
	pools.change(map[string]any{"project": project, "workloadIdentityPoolId": pool, "displayName": "AWS", "description": "changed"})

	provider := d.thing("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider")
	of := func(condition string, mapping map[string]any) map[string]any {
		values := map[string]any{
			"project": project, "workloadIdentityPoolId": pool, "workloadIdentityPoolProviderId": "aws-provider",
			"aws": map[string]any{"accountId": googletest.Account},
		}
		if condition != "" {
			values["attributeCondition"] = condition
		}
		if mapping != nil {
			values["attributeMapping"] = mapping
		}
		return values
	}
	reserved := of("", nil)
	reserved["workloadIdentityPoolProviderId"] = "gcp-provider"
	provider.check(reserved)
	mapping := map[string]any{"google.subject": "assertion.arn", "attribute.aws_role": "assertion.arn"}
	provider.make(of("attribute.aws_role == 'x'", mapping))
	provider.read(false)
	provider.read(true)
	provider.change(of("attribute.aws_role == 'y'", mapping))
	provider.change(of("attribute.aws_role == 'y'", map[string]any{"google.subject": "assertion.arn"}))
	call("PATCH", googletest.Pools+"/"+pool+"/providers/aws-provider?updateMask=attributeCondition", map[string]any{"attributeCondition": ""})
	provider.read(false)

	const bucket = "s3-gcs-connect"
	call("POST", "/storage/v1/b?project="+project, map[string]any{"name": bucket})
	call("PUT", "/storage/v1/b/"+bucket+"/iam", map[string]any{"version": 3, "bindings": []any{
		map[string]any{
			"role": "roles/storage.objectViewer", "members": []string{"user:Alice@Example.com"},
			"condition": map[string]any{"title": "soon", "expression": "request.time < timestamp('2040-01-01T00:00:00Z')"},
		},
		map[string]any{"role": "roles/storage.admin", "members": []string{"user:sandbox-admin@example.com", "group:b@example.com"}},
	}})
	set := "principalSet://iam.googleapis.com/projects/" + googletest.Number + "/locations/global/workloadIdentityPools/" + pool + "/*"
	reader := "serviceAccount:" + googletest.Email("my-account")
	var grants []*thing
	for _, grant := range []struct {
		token  string
		inputs map[string]any
	}{
		{"gcp:serviceaccount/iAMMember:IAMMember", map[string]any{
			"serviceAccountId": "projects/" + project + "/serviceAccounts/" + googletest.Email("my-account"), "role": "roles/iam.workloadIdentityUser", "member": set,
		}},
		{"gcp:projects/iAMMember:IAMMember", map[string]any{"project": project, "role": "roles/browser", "member": reader}},
		{"gcp:storage/bucketIAMMember:BucketIAMMember", map[string]any{"bucket": bucket, "role": "roles/storage.objectViewer", "member": reader}},
	} {
		x := d.thing(grant.token)
		broken := maps.Clone(grant.inputs)
		broken["member"] = "my-account"
		x.check(broken)
		x.make(grant.inputs)
		x.read(false)
		twice := d.thing(grant.token)
		twice.make(grant.inputs) // it is there
		broken["member"], broken["role"] = "allUsers", grant.inputs["role"]
		x.change(broken)
		grants = append(grants, x)
	}
	for _, x := range grants {
		x.delete()
		x.read(false)
		x.delete()
	}

	provider.delete()
	provider.read(false)
	provider.delete()
	pools.delete()
	pools.read(false)
	pools.create(false) // its id is taken
	account.delete()
	account.read(false)
	account.delete()
}
