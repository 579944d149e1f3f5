package expression

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role/gcs-to-s3"
	for _, tt := range []struct{ value, template, want string }{
		// The rows of "Attribute reference for IAM Conditions", extract.
		{"projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876", "/order_date={date}/", "2019-11-03"},
		{"projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876", "buckets/{name}/", "acme-orders-aaa"},
		{"projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876", "/orders/{empty}order_date", ""},
		{"projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876", "{start}/objects/data_lake", "projects/_/buckets/acme-orders-aaa"},
		{"projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876", "orders/{end}", "order_date=2019-11-03/aef87g87ae0876"},
		{"projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876", "/orders/{last}/nothing", ""},
		{arn, "{account_arn}assumed-role/", "arn:aws:sts::123456789012:"},
		{arn, "assumed-role/{role_name}/", "gcs-to-s3-role"},
		{arn, "user/{name}", ""},
	} {
		if got, err := extract(tt.value, tt.template); err != nil || got != tt.want {
			t.Errorf("extract(%q, %q) = %q, %v, want %q", tt.value, tt.template, got, err, tt.want)
		}
	}
	if _, err := extract(arn, "no braces"); err == nil {
		t.Error("a template without a name is accepted")
	}
}

func TestBool(t *testing.T) {
	t.Parallel()
	vars := map[string]any{
		"request":  map[string]any{"time": time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
		"resource": map[string]any{"name": "projects/_/buckets/b/objects/incoming/x"},
	}
	for source, want := range map[string]bool{
		"request.time < timestamp('2026-12-01T00:00:00Z')":                                 true,
		"request.time.getHours('Asia/Tokyo') == 18":                                        true,
		"resource.name.startsWith('projects/_/buckets/b/objects/incoming/')":               true,
		"resource.name.extract('objects/{folder}/') == 'outgoing'":                         false,
		"resource.name.startsWith('projects/_/buckets/c') || resource.name.endsWith('/x')": true,
	} {
		e, err := Compile(source, "request", "resource")
		if err != nil {
			t.Errorf("Compile(%s): %v", source, err)
			continue
		}
		if got, err := e.Bool(vars); err != nil || got != want {
			t.Errorf("%s = %v, %v, want %v", source, got, err, want)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	vars := map[string]any{"assertion": map[string]any{"arn": "a/b", "n": 1}}
	for source, want := range map[string]any{
		"assertion.arn":                              "a/b",
		"assertion.arn + '!'":                        "a/b!",
		"assertion.arn.split('/')":                   []string{"a", "b"},
		"assertion.arn.contains('a') ? 'yes' : 'no'": "yes",
	} {
		e, err := Compile(source, "assertion")
		if err != nil {
			t.Errorf("Compile(%s): %v", source, err)
			continue
		}
		got, err := e.Value(vars)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
	for source, part := range map[string]string{
		"assertion.missing": "no such key",
	} {
		e, err := Compile(source, "assertion")
		if err != nil {
			t.Errorf("Compile(%s): %v", source, err)
			continue
		}
		if got, err := e.Value(vars); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s = %v, %v, want an error with %q", source, got, err, part)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"", "assertion.", "unknown.x == 'a'", "1 +", "assertion.arn.extract(1)"} {
		if _, err := Compile(source, "assertion"); err == nil {
			t.Errorf("Compile(%q) gives no error", source)
		}
	}
}
