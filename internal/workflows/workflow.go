// Package workflows runs the workflows of .github/workflows in place of GitHub, against
// local clouds: it reads the files, evaluates their expressions, and runs their steps in
// order on a fresh runner for each job. Of the actions that they use, it has stand-ins
// for those whose effect is known; anything else, of the language as of the actions, is
// refused by name. GitHub's OIDC issuer is the sandbox's.
package workflows

import (
	"bytes"
	"fmt"
	"os"

	"gopkg.in/yaml.v3"
)

// Workflow is a workflow's file, as far as it is understood: GitHub Docs, "Workflow
// syntax for GitHub Actions". Unknown keys are errors.
type Workflow struct {
	Name        string
	On          map[string]Trigger
	Permissions map[string]string
	Concurrency struct {
		Group  string
		Cancel bool `yaml:"cancel-in-progress"`
	}
	Env  map[string]string
	Jobs map[string]Job
}

// Trigger is what of an event starts a workflow.
type Trigger struct {
	Types    []string
	Branches []string
	Cron     string
}

// UnmarshalYAML also reads a list of schedules.
func (t *Trigger) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.SequenceNode {
		type plain Trigger
		return strictly(node, (*plain)(t))
	}
	var schedules []struct{ Cron string }
	if err := node.Decode(&schedules); err != nil {
		return err
	}
	if len(schedules) != 1 || schedules[0].Cron == "" {
		return fmt.Errorf("line %d: a schedule must have one cron", node.Line)
	}
	t.Cron = schedules[0].Cron
	return nil
}

// Job is one job of a workflow.
type Job struct {
	If          string
	RunsOn      string `yaml:"runs-on"`
	Environment string
	Timeout     int `yaml:"timeout-minutes"`
	Steps       []Step
}

// Step is one step of a job: it runs commands or uses an action.
type Step struct {
	Name string
	If   string
	Run  string
	Uses string
	With map[string]string
	Env  map[string]string
}

// Read reads a workflow's file.
func Read(file string) (Workflow, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Workflow{}, err
	}
	var node yaml.Node
	var w Workflow
	if err := yaml.Unmarshal(data, &node); err != nil {
		return w, fmt.Errorf("reading %s: %w", file, err)
	}
	if err := strictly(&node, &w); err != nil {
		return w, fmt.Errorf("reading %s: %w", file, err)
	}
	return w, nil
}

// strictly decodes a node and refuses what the value does not have.
func strictly(node *yaml.Node, v any) error {
	data, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	return decoder.Decode(v)
}
