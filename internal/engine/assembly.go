package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Assembly is a cloud assembly of an environment's stacks, in a folder: their templates, and
// what they need in the CDK's bucket.
type Assembly struct {
	c   CDK
	dir string
}

// Synth makes a cloud assembly of stacks, which must be closed: cdk synth STACK….
func (c CDK) Synth(ctx context.Context, stacks ...string) (Assembly, error) {
	dir, err := c.folder()
	if err != nil {
		return Assembly{}, err
	}
	a := Assembly{c, dir}
	if _, err := c.runIn(ctx, c.Root, dir, c.app(), stacks, "synth", "--quiet", "--exclusively"); err != nil {
		return a, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close removes the assembly.
func (a Assembly) Close() error { return os.RemoveAll(a.dir) }

// Existing is a resource that exists outside of CloudFormation.
type Existing struct {
	Type       string         // AWS::IAM::Role
	Property   string         // that identifies it: RoleName
	Name       string         // the property's value
	Properties map[string]any // what it is, and not what its stack wants it to be
}

// Import imports existing resources into a stack, as they are: cdk import
// --resource-mapping FILE STACK. A deployment brings them to what the stack says. Outputs
// and other resources of the stack are left out, since CloudFormation imports nothing
// together with other changes: AWS CloudFormation User Guide, "Import AWS resources into
// a CloudFormation stack". Until then the resources outlive their stack.
func (a Assembly) Import(ctx context.Context, stack string, existing ...Existing) error {
	file := filepath.Join(a.dir, stack+".template.json")
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the template of %s: %w", stack, err)
	}
	defer os.WriteFile(file, content, 0o644) // as the app made it, for another import
	template, mapping, err := importing(content, a.c.Env.Mark().String(), existing)
	if err != nil {
		return fmt.Errorf("importing into the stack %s: %w", stack, err)
	}
	if err := os.WriteFile(file, template, 0o644); err != nil {
		return err
	}
	identifiers := filepath.Join(a.dir, stack+".mapping.json")
	if err := os.WriteFile(identifiers, mapping, 0o644); err != nil {
		return err
	}
	_, err = a.c.runIn(ctx, a.c.Root, a.dir, []string{"--app", a.dir}, []string{stack}, "import", "--resource-mapping", identifiers, "--force")
	return err
}

// importing is a template in which existing resources are described as they are, and what
// identifies them, by their logical ids. mark goes with each.
func importing(template []byte, mark string, existing []Existing) (changed, mapping []byte, err error) {
	var t map[string]any
	if err := json.Unmarshal(template, &t); err != nil {
		return nil, nil, err
	}
	resources, _ := t["Resources"].(map[string]any)
	identifiers := map[string]map[string]string{}
	for _, e := range existing {
		id := ""
		for logicalID, r := range resources {
			resource, _ := r.(map[string]any)
			properties, _ := resource["Properties"].(map[string]any)
			if resource["Type"] == e.Type && properties[e.Property] == e.Name {
				id = logicalID
			}
		}
		if id == "" {
			return nil, nil, fmt.Errorf("the template has no %s %s", e.Type, e.Name)
		}
		resource := resources[id].(map[string]any)
		resource["Properties"], resource["DeletionPolicy"] = e.Properties, "Retain"
		metadata, _ := resource["Metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
			resource["Metadata"] = metadata
		}
		metadata[environment.MarkMetadata] = mark
		delete(resource, "UpdateReplacePolicy")
		delete(resource, "DependsOn")
		identifiers[id] = map[string]string{e.Property: e.Name}
	}
	if changed, err = json.MarshalIndent(t, "", " "); err != nil {
		return nil, nil, err
	}
	mapping, err = json.Marshal(identifiers)
	return changed, mapping, err
}

// Bundle is the folder that becomes the function's deployment package: AWS CDK, "Cloud
// Assembly Schema", the asset manifest of a stack.
func (a Assembly) Bundle(stack string) (string, error) {
	content, err := os.ReadFile(filepath.Join(a.dir, stack+".assets.json"))
	if err != nil {
		return "", fmt.Errorf("reading the assets of %s: %w", stack, err)
	}
	var manifest struct {
		Files map[string]struct {
			Source struct{ Path, Packaging string }
		}
	}
	if err := json.Unmarshal(content, &manifest); err != nil {
		return "", fmt.Errorf("reading the assets of %s: %w", stack, err)
	}
	for _, file := range manifest.Files {
		if file.Source.Packaging == "zip" {
			return filepath.Join(a.dir, file.Source.Path), nil
		}
	}
	return "", fmt.Errorf("the stack %s has no bundle", stack)
}
