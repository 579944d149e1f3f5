package denials

import (
	"flag"
	"os"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// enough rows, so that a part of the table is not lost unnoticed.
const enough = 375

var update = flag.Bool("update", false, "write docs/denials.md")

// denialsPage is the table for people, made of the rows.
const denialsPage = "../../docs/denials.md"

// fresh are local clouds of a row's own.
func fresh(t *testing.T, opts sandbox.Options) *Clouds {
	t.Helper()
	local := sandboxtest.New(t, opts)
	return &Clouds{Access: local.Access, local: local}
}

// TestDenials makes every call of the table in clouds of its own.
func TestDenials(t *testing.T) {
	t.Parallel()
	rows := denials()
	if len(rows) < enough {
		t.Errorf("the table has %d rows, fewer than %d", len(rows), enough)
	}
	for _, row := range rows {
		t.Run(row.section+"/"+row.name, func(t *testing.T) {
			t.Parallel()
			err := row.do(t, fresh(t, sandbox.Options{}))
			if err == nil {
				t.Fatal("the call was answered")
			}
			got, ok := refusalOf(err)
			if !ok {
				t.Fatalf("the client says %v (%T), which is no answer of a cloud", err, err)
			}
			if !row.holds(got) {
				t.Errorf("answered\n  %d %s: %s\nwant\n  %d %s: %s", got.status, got.code, got.message, row.status, row.code, row.message)
			}
			if row.source == "" {
				t.Error("the row names no source")
			}
		})
	}
}

// TestDenialsPage holds the page to the table.
func TestDenialsPage(t *testing.T) {
	t.Parallel()
	page := page(denials())
	if *update {
		if err := os.WriteFile(denialsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(denialsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Error("docs/denials.md is not what the table says; go test ./sandbox/denials -run TestDenialsPage -update writes it")
	}
}
