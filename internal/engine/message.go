package engine

import "strings"

// longest is how many lines of a failed command are shown when it is not known
// which of them matter.
const longest = 40

// cdkMessage is what matters of what a failed cdk printed: the resources that
// failed, or what it says after its cross.
func cdkMessage(printed string) string {
	for _, begin := range []string{"\nFailed resources:", "\n❌", "\n‣"} {
		if i := strings.Index(printed, begin); i >= 0 {
			return strings.TrimSpace(printed[i:])
		}
	}
	return tail(printed)
}

// pulumiMessage is the diagnostics of what a failed pulumi printed.
func pulumiMessage(printed string) string {
	_, diagnostics, ok := strings.Cut(printed, "\nDiagnostics:\n")
	if !ok {
		return tail(printed)
	}
	for _, end := range []string{"\nOutputs:\n", "\nResources:\n", "\nDuration: "} {
		diagnostics, _, _ = strings.Cut(diagnostics, end)
	}
	var lines []string
	for line := range strings.Lines(diagnostics) {
		// It says so each time, and of every stack.
		if !strings.Contains(line, "warning: using pulumi-language-go from $PATH") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}

func tail(printed string) string {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	if len(lines) > longest {
		lines = append([]string{"…"}, lines[len(lines)-longest:]...)
	}
	return strings.Join(lines, "\n")
}
