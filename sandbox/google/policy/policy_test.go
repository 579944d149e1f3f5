package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

const (
	viewer = "roles/storage.objectViewer"
	pool   = "iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool-one"
)

func nobody(string) bool  { return false }
func anybody(string) bool { return true }

func grant(role string, members ...string) Binding { return Binding{Role: role, Members: members} }

func TestReplace(t *testing.T) {
	t.Parallel()
	old, err := Policy{}.Replace(Policy{Bindings: []Binding{grant(viewer, "user:a@example.com")}}, Bucket, anybody)
	if err != nil {
		t.Fatal(err)
	}
	night := &Condition{Title: "night", Expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}
	many := make([]string, 1501)
	for i := range many {
		many[i] = fmt.Sprintf("user:u%d@example.com", i)
	}
	for _, tt := range []struct {
		name string
		on   Resource
		next Policy
		want Policy
		err  string
	}{
		{"nothing", Bucket, Policy{}, Policy{}, ""},
		{"its own etag", Bucket, Policy{Etag: old.etag()}, Policy{}, ""},
		{"its own etag as URL-safe base64", Bucket, Policy{Etag: strings.NewReplacer("+", "-", "/", "_").Replace(old.etag())}, Policy{}, ""},
		{"another etag", Bucket, Policy{Etag: "BwAAAAAAAAA="}, old, "ABORTED: There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag '\\007\\000\\000\\000\\000\\000\\000\\000' did not match the current policy's ETag '\\007"},
		{"the same role twice", Bucket, Policy{Bindings: []Binding{grant(viewer, "user:a@example.com"), grant(viewer, "user:b@example.com", "user:a@example.com")}},
			Policy{Version: 1, Bindings: []Binding{grant(viewer, "user:a@example.com", "user:b@example.com")}}, ""},
		{"a member twice", Bucket, Policy{Bindings: []Binding{grant(viewer, "allUsers", "allUsers")}}, Policy{Version: 1, Bindings: []Binding{grant(viewer, "allUsers")}}, ""},
		{"an empty binding", Bucket, Policy{Bindings: []Binding{grant(viewer)}}, Policy{}, ""},
		{"a condition", Bucket, Policy{Version: 3, Bindings: []Binding{{viewer, []string{"allUsers"}, night}, grant(viewer, "allUsers")}},
			Policy{Version: 3, Bindings: []Binding{{viewer, []string{"allUsers"}, night}, grant(viewer, "allUsers")}}, ""},
		{"a condition under version 1", Bucket, Policy{Version: 1, Bindings: []Binding{{viewer, []string{"allUsers"}, night}}}, old, "INVALID_ARGUMENT: Specified policy version (1) cannot contain conditions."},
		{"version 2", Bucket, Policy{Version: 2}, old, "INVALID_ARGUMENT: Specified policy version (2) must be 0, 1 or 3."},
		{"a condition that does not parse", Bucket, Policy{Version: 3, Bindings: []Binding{{viewer, []string{"allUsers"}, &Condition{Expression: "request."}}}}, old, "INVALID_ARGUMENT: Expression parsing failed: "},
		{"a condition that is no condition", Bucket, Policy{Version: 3, Bindings: []Binding{{viewer, []string{"allUsers"}, &Condition{Expression: "'yes'"}}}}, old, "INVALID_ARGUMENT: Expression parsing failed: the expression gives string, not bool"},
		{"an unknown role", Project, Policy{Bindings: []Binding{grant("roles/storage.objectVewer", "allUsers")}}, old, "INVALID_ARGUMENT: Role roles/storage.objectVewer is not supported for this resource."},
		{"a role of IAM on a bucket", Bucket, Policy{Bindings: []Binding{grant("roles/iam.workloadIdentityUser", "allUsers")}}, old, "INVALID_ARGUMENT: Role roles/iam.workloadIdentityUser is not supported"},
		{"a role of storage on an account", ServiceAccount, Policy{Bindings: []Binding{grant(viewer, "allUsers")}}, old, "INVALID_ARGUMENT: Role " + viewer + " is not supported"},
		{"a legacy role on a project", Project, Policy{Bindings: []Binding{grant("roles/storage.legacyBucketReader", "allUsers")}}, old, "INVALID_ARGUMENT: Role roles/storage.legacyBucketReader is not supported"},
		{"a service account that is not there", Bucket, Policy{Bindings: []Binding{grant(viewer, "serviceAccount:x@p.iam.gserviceaccount.com")}}, old, "INVALID_ARGUMENT: Service account x@p.iam.gserviceaccount.com does not exist."},
		{"too many", Bucket, Policy{Bindings: []Binding{grant(viewer, many...)}}, old, "INVALID_ARGUMENT: The number of members in the policy (1501) is larger than the maximum allowed size 1500."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := old.Replace(tt.next, tt.on, nobody)
			if text := fmt.Sprint(err); tt.err == "" && err != nil || tt.err != "" && !strings.HasPrefix(text, tt.err) {
				t.Errorf("Replace gives the error %v, want %q", err, tt.err)
			}
			var e *api.Error
			if tt.err != "" && (!errors.As(err, &e) || e.HTTP != map[string]int{"ABORTED": 409}[e.Status] && e.HTTP != 400) {
				t.Errorf("Replace gives the error %#v, without its HTTP status", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Replace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for member, want := range map[string]string{
		"allUsers":              "",
		"allAuthenticatedUsers": "",
		"user:a@example.com":    "",
		"group:a@example.com":   "",
		"domain:example.com":    "",
		"projectOwner:p":        "",
		"principal://" + pool + "/subject/arn:aws:sts::1:assumed-role/r/s":             "",
		"principalSet://" + pool + "/*":                                                "",
		"principalSet://" + pool + "/group/g":                                          "",
		"principalSet://" + pool + "/attribute.aws_role/arn:aws:sts::1:assumed-role/r": "",
		"deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=123":                   "",
		"deleted:serviceAccount:a@p.iam.gserviceaccount.com":                           "Invalid member: ",
		"user:nobody":                       "Invalid member: ",
		"domain:a@example.com":              "Invalid member: ",
		"allUsers:x":                        "Invalid member: ",
		"principal://" + pool + "/subject/": "Invalid principal member (",
		"principalSet://" + pool + "/x/y":   "Invalid principalSet member (",
		"principalSet://iam.googleapis.com/projects/my-id/locations/global/workloadIdentityPools/pool-one/*": "Invalid principalSet member (",
		"a@example.com":       "The member a@example.com is of an unknown type.",
		"robot:a@example.com": "The member robot:a@example.com is of an unknown type.",
	} {
		err := checkMember(member)
		if text := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.HasPrefix(text, "INVALID_ARGUMENT: "+want) {
			t.Errorf("checkMember(%s) = %v, want %q", member, err, want)
		}
	}
}

func TestView(t *testing.T) {
	t.Parallel()
	c := &Condition{Expression: "true"}
	p := Policy{Version: 3, Bindings: []Binding{{viewer, []string{"allUsers"}, c}, grant("roles/browser", "allUsers")}}
	full, err := p.View(3)
	if err != nil || full.Bindings[0].Condition != c || full.Version != 3 || full.Etag == "" {
		t.Errorf("View(3) = %+v, %v", full, err)
	}
	old, err := p.View(1)
	if err != nil || old.Version != 1 || old.Bindings[0].Condition != nil || !strings.HasPrefix(old.Bindings[0].Role, viewer+"_withcond_") || old.Bindings[1].Role != "roles/browser" {
		t.Errorf("View(1) = %+v, %v", old, err)
	}
	if old.Etag != full.Etag {
		t.Errorf("two views of one policy have the etags %s and %s", old.Etag, full.Etag)
	}
	if _, err := p.Replace(old, Bucket, anybody); err == nil {
		t.Error("a policy that lost its conditions can be written back")
	}
	if empty, err := (Policy{}).View(0); err != nil || empty.Etag != emptyEtag {
		t.Errorf("View of nothing = %+v, %v", empty, err)
	}
	for _, version := range []int{-1, 2, 4} {
		if _, err := p.View(version); err == nil {
			t.Errorf("View(%d) gives no error", version)
		}
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	day := api.Attributes{Time: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Name: "projects/_/buckets/b/objects/in/x"}
	a := api.Principal{Member: "user:a@example.com"}
	federated := api.Principal{Member: "principal://" + pool + "/subject/s", Sets: []string{"principalSet://" + pool + "/*"}}
	for _, tt := range []struct {
		name    string
		binding Binding
		who     api.Principal
		want    string // the reason, after a bar where it is refused
	}{
		{"the member", grant(viewer, "user:b@example.com", "user:a@example.com"), a, viewer + " for user:a@example.com"},
		{"another member", grant(viewer, "user:b@example.com"), a, "|"},
		{"another role", grant("roles/storage.objectCreator", "user:a@example.com"), a, "|"},
		{"everybody", grant(viewer, "allUsers"), api.Principal{}, viewer + " for allUsers"},
		{"nobody in particular", grant(viewer, "allAuthenticatedUsers"), api.Principal{}, "|"},
		{"anybody in particular", grant(viewer, "allAuthenticatedUsers"), a, viewer + " for allAuthenticatedUsers"},
		{"a set", grant(viewer, "principalSet://"+pool+"/*"), federated, viewer + " for principalSet://" + pool + "/*"},
		{"a deleted account", grant(viewer, "deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=1"), api.Principal{Member: "serviceAccount:a@p.iam.gserviceaccount.com"}, "|"},
		{"a condition that holds", Binding{viewer, []string{"allUsers"}, &Condition{Expression: "resource.name.startsWith('projects/_/buckets/b/objects/in/')"}}, a, viewer + " for allUsers"},
		{"a condition that does not", Binding{viewer, []string{"allUsers"}, &Condition{Expression: "request.time > timestamp('2030-01-01T00:00:00Z')"}}, a, "|" + viewer + ` for allUsers only under condition "request.time > timestamp('2030-01-01T00:00:00Z')"`},
		{"a condition that fails", Binding{viewer, []string{"allUsers"}, &Condition{Expression: "resource.missing == 'x'"}}, a, "|" + viewer + ` for allUsers only under condition "resource.missing == 'x'"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := Policy{Bindings: []Binding{tt.binding}}.Grants(tt.who, "storage.objects.get", day)
			if !ok {
				got = "|" + got
			}
			if got != tt.want {
				t.Errorf("Grants = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRenameLeavesCopiesAlone(t *testing.T) {
	t.Parallel()
	p := Policy{Bindings: []Binding{grant(viewer, "user:a@example.com")}}
	got := p.Rename("user:a@example.com", "user:b@example.com")
	if diff := cmp.Diff(Policy{Bindings: []Binding{grant(viewer, "user:b@example.com")}}, got); diff != "" {
		t.Errorf("Rename (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Policy{Bindings: []Binding{grant(viewer, "user:a@example.com")}}, p); diff != "" {
		t.Errorf("the policy before Rename (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Policy{Bindings: []Binding{{Role: viewer, Members: []string{}}}}, got.Without(func(string) bool { return true })); diff != "" {
		t.Errorf("Without (-want +got):\n%s", diff)
	}
}

func TestConveniences(t *testing.T) {
	t.Parallel()
	p := Policy{Bindings: []Binding{grant("roles/owner", "user:a@example.com"), grant("roles/viewer", "allUsers"), {"roles/editor", []string{"allUsers"}, &Condition{Expression: "true"}}}}
	if diff := cmp.Diff([]string{"projectOwner:p", "projectViewer:p"}, p.Conveniences(api.Principal{Member: "user:a@example.com"}, "p")); diff != "" {
		t.Errorf("Conveniences (-want +got):\n%s", diff)
	}
}
