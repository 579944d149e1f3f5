package states

import (
	"strings"
	"testing"
)

// TestItemQuota: what follows the last item that is read is ignored without an error;
// see "Step Functions service quotas", maximum number of dataset items.
func TestItemQuota(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines string
		most  int64
		total int64
		kept  string
		fails bool
	}{
		"all":          {"1\n2\n3", 5, 3, "1\n2\n3\n", false},
		"blank lines":  {"\n1\n \n2\r\n", 5, 2, "1\n2\n", false},
		"the rest":     {"1\n2\nnot read\n", 2, 2, "1\n2\n", false},
		"nothing":      {"", 5, 0, "", false},
		"no JSON":      {"1\n{\n", 5, 0, "", true},
		"a large item": {`"` + strings.Repeat("x", maxData) + `"`, 5, 0, "", true},
	} {
		var out strings.Builder
		total, err := copyLines(&out, strings.NewReader(tt.lines), tt.most)
		if total != tt.total || (err != nil) != tt.fails || !tt.fails && out.String() != tt.kept {
			t.Errorf("%s: %d items %q, %v", name, total, out.String(), err)
		}
	}
}
