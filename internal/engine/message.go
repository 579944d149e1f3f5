package engine

import "strings"

// longest is how many lines of a failed command are shown when the relevant
// ones are unknown.
const longest = 40

// cdkMessage returns the relevant part of the output of a failed cdk: the failed
// resources, or the text after its cross.
func cdkMessage(printed string) string {
	for _, begin := range []string{"\nFailed resources:", "\n❌", "\n‣"} {
		if i := strings.Index(printed, begin); i >= 0 {
			return strings.TrimSpace(printed[i:])
		}
	}
	return tail(printed)
}

// pulumiMessage returns the diagnostics in the output of a failed pulumi.
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
		// Pulumi prints this every time, for every stack.
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
