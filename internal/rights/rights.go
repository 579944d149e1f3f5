// Package rights is the table of what somebody who runs a command must be allowed to do
// in both clouds, and why: each row is an action of AWS or a permission of Google Cloud,
// on a resource, for some commands. docs/operations.md has policies and roles that are
// made from it, up, down and prune look at it before their first step, and a test runs
// every command with exactly these rights and no others.
//
// It is about people and pipelines. What the function itself is allowed to do is decided
// in packages stacks and infra, and package diagnosis looks at that.
package rights

import "slices"

// Command is a command, as it is typed.
type Command string

// The commands that use a cloud.
const (
	Doctor  Command = "doctor"
	Up      Command = "up"
	Status  Command = "status"
	Drift   Command = "status --drift"
	List    Command = "list"
	Verify  Command = "verify"
	Invoke  Command = "invoke"
	Bulk    Command = "bulk"
	Logs    Command = "logs"
	Uploads Command = "uploads"
	Abort   Command = "uploads --abort"
	Down    Command = "down"
	Prune   Command = "prune"

	// Adopt is run once in an environment's life, if at all: it needs what Up needs, and its
	// rows are what it needs besides.
	Adopt Command = "adopt"
)

// All are the commands of every day, in the order in which people read them: not Adopt.
func All() []Command {
	return []Command{Doctor, Up, Status, Drift, List, Verify, Invoke, Bulk, Logs, Uploads, Abort, Down, Prune}
}

// Looking are the commands that change nothing.
func Looking() []Command { return []Command{Doctor, Status, List, Logs, Uploads} }

// Right is one row of the table.
type Right struct {
	// Actions are those of AWS (s3:GetObject) or permissions of Google Cloud
	// (storage.objects.get).
	Actions []string
	// On is an ARN, with the words of an IAM policy's placeholders, or what of Google's the
	// role is granted on: Project or SourceBucket.
	On   string
	For  []Command
	When string // the situation that needs it; empty is every one
	Why  string

	// Role is Google's predefined role for it, and LookRole that for those who only look;
	// empty if a role of another row has it.
	Role, LookRole string
	// Optional is that the command does without it, and says what it cannot see.
	Optional bool
}

// What of Google's a role is granted on.
const (
	Project      = "the project"
	SourceBucket = "the source bucket"
)

// Situations that Check knows.
const (
	lost      = "the environment's file is lost"
	onProject = "`viewerScope: project`"
	events    = "`events` is set"
)

// of are the rows that any of some commands needs.
func of(table []Right, commands []Command) []Right {
	var out []Right
	for _, r := range table {
		if slices.ContainsFunc(commands, func(c Command) bool { return slices.Contains(r.For, c) }) {
			out = append(out, r)
		}
	}
	return out
}

// Grant is a predefined role of Google's on a resource.
type Grant struct{ Role, On string }

// Grants are the predefined roles that some commands need.
func Grants(commands ...Command) []Grant {
	var out []Grant
	looking := !slices.ContainsFunc(commands, func(c Command) bool { return !slices.Contains(Looking(), c) })
	for _, r := range of(Google(), commands) {
		g := Grant{r.Role, r.On}
		if looking {
			g.Role = r.LookRole
		}
		if g.Role != "" && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}
