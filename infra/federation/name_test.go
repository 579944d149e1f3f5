package federation

import "testing"

func TestProjectNumberRefusesOtherNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "aws-connect", "projects/1/locations/global/providers/x"} {
		if n, err := projectNumber(name); err == nil {
			t.Errorf("projectNumber(%q) = %q, want an error", name, n)
		}
	}
}

func TestKebab(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		"roles/storage.objectViewer":              "object-viewer",
		"roles/bigquery.jobUser":                  "job-user",
		"roles/viewer":                            "viewer",
		"projects/demo-project/roles/queryRunner": "query-runner",
		"organizations/1/roles/team.readOnly2All": "read-only2-all",
	} {
		if got := kebab(role); got != want {
			t.Errorf("kebab(%s) = %s, want %s", role, got, want)
		}
	}
}
