package cloudformation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
)

// importer answers Fn::ImportValue for a stack and notes what was imported.
// Server.mu must be held when the answer is asked for.
func (s *Server) importer(st *stack, imports map[string]bool) func(string) (string, error) {
	return func(name string) (string, error) {
		for _, other := range s.stacks {
			for _, o := range other.outputs {
				if other != st && other.status != "DELETE_COMPLETE" && o.export == name {
					imports[name] = true
					return o.value, nil
				}
			}
		}
		return "", &template.Error{Message: fmt.Sprintf("No export named %s found", name)}
	}
}

// importers are the names of the stacks that use an export.
func (s *Server) importers(export string) []string {
	var names []string
	for _, st := range s.stacks {
		if st.status != "DELETE_COMPLETE" && st.imports[export] {
			names = append(names, st.name)
		}
	}
	return names
}

// checkExports refuses outputs that would take away or change an export in use,
// or that another stack already exports. Server.mu must be held.
func (s *Server) checkExports(st *stack, outputs []output) error {
	for _, old := range st.outputs {
		users := s.importers(old.export)
		if old.export == "" || len(users) == 0 {
			continue
		}
		i := slices.IndexFunc(outputs, func(o output) bool { return o.export == old.export })
		if i < 0 {
			return fmt.Errorf("Export %s cannot be deleted as it is in use by %s", old.export, strings.Join(users, ", "))
		}
		if outputs[i].value != old.value {
			return fmt.Errorf("Export %s cannot be updated as it is in use by %s", old.export, strings.Join(users, ", "))
		}
	}
	for _, o := range outputs {
		for _, other := range s.stacks {
			if o.export == "" || other == st || other.status == "DELETE_COMPLETE" {
				continue
			}
			if slices.ContainsFunc(other.outputs, func(theirs output) bool { return theirs.export == o.export }) {
				return fmt.Errorf("Export with name %s is already exported by stack %s.", o.export, other.name)
			}
		}
	}
	return nil
}

type pageInput struct{ NextToken string }

type exportAnswer struct{ ExportingStackId, Name, Value string }

func (s *Server) listExports(r *api.Request, _ *pageInput) (any, error) {
	if err := r.Authorize("cloudformation:ListExports", "*", nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var result struct{ Exports api.Members[exportAnswer] }
	for _, st := range s.stacks {
		for _, o := range st.outputs {
			if o.export != "" && st.status != "DELETE_COMPLETE" {
				result.Exports.Items = append(result.Exports.Items, exportAnswer{ExportingStackId: st.id, Name: o.export, Value: o.value})
			}
		}
	}
	return result, nil
}

type listImportsInput struct{ ExportName, NextToken string }

func (s *Server) listImports(r *api.Request, in *listImportsInput) (any, error) {
	if err := r.Authorize("cloudformation:ListImports", "*", nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var result struct{ Imports api.Members[string] }
	result.Imports.Items = s.importers(in.ExportName)
	if len(result.Imports.Items) == 0 {
		return nil, validationError("Export '%s' is not imported by any stack.", in.ExportName)
	}
	return result, nil
}
