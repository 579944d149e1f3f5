package journal

import (
	"fmt"
	"io"
	"strings"
)

// Write writes an entry for people: the request on one line, and below it every
// decision with what decided.
func (e Entry) Write(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %-6s %s %s: %d", e.Time.UTC().Format("15:04:05.000"), e.Cloud, e.Service, e.Operation, e.Status)
	if e.Code != "" {
		out.WriteString(" " + e.Code)
	}
	if e.Injected {
		out.WriteString(" (injected)")
	}
	who := append([]string{e.Principal}, e.Through...)
	if e.Principal == "" {
		who[0] = "an anonymous caller"
	}
	fmt.Fprintf(&out, "\n             by %s, request %s\n", strings.Join(who, " ← "), e.RequestID)
	for _, d := range e.Decisions {
		verdict := "deny "
		if d.Allowed {
			verdict = "allow"
		}
		fmt.Fprintf(&out, "             %s %s on %s: %s\n", verdict, d.Action, d.Resource, d.Reason)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
