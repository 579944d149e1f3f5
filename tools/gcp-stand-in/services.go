package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	serviceUsage    = "serviceUsageCustomEndpoint"
	resourceManager = "resourceManagerCustomEndpoint"
	identities      = "service agents" // at serviceUsage's address
)

// The waits of the real plugin are ten seconds and more; what matters is that calls which
// come together are sent as one.
const (
	together       = 50 * time.Millisecond
	untilEnabled   = 20 * time.Minute // the real plugin's timeout
	betweenListing = time.Second
)

// services are the projects' services as several calls see them at the same time.
type services struct {
	mu        sync.Mutex
	listings  map[string]*listing
	enablings map[string]*enabling
}

// listing is a list of a project's enabled services that calls wait for.
type listing struct {
	done    chan struct{}
	enabled []string
	err     error
}

// enabling is a batch of services to be enabled.
type enabling struct {
	names []string
	done  chan struct{}
	err   error
}

// list lists the enabled services of a project, once for all who ask at the same time.
func (s *services) list(ctx context.Context, c *client, project string) ([]string, error) {
	s.mu.Lock()
	l := s.listings[project]
	if l == nil {
		l = &listing{done: make(chan struct{})}
		s.listings[project] = l
		time.AfterFunc(together, func() {
			s.mu.Lock()
			delete(s.listings, project)
			s.mu.Unlock()
			l.enabled, l.err = listServices(context.WithoutCancel(ctx), c, project)
			close(l.done)
		})
	}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return l.enabled, l.err
	}
}

func listServices(ctx context.Context, c *client, project string) ([]string, error) {
	var names []string
	for token := ""; ; {
		query := url.Values{"filter": {"state:ENABLED"}, "fields": {"services/name,nextPageToken"}}
		if token != "" {
			query.Set("pageToken", token)
		}
		var page struct {
			Services      []struct{ Name string }
			NextPageToken string
		}
		if err := c.call(ctx, serviceUsage, http.MethodGet, "projects/"+project+"/services?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		for _, service := range page.Services {
			names = append(names, service.Name[strings.LastIndex(service.Name, "/")+1:])
		}
		if token = page.NextPageToken; token == "" {
			return names, nil
		}
	}
}

// enable enables a service, in one request with those that are asked for at the same time.
func (s *services) enable(ctx context.Context, c *client, project, name string) error {
	s.mu.Lock()
	e := s.enablings[project]
	if e == nil {
		e = &enabling{done: make(chan struct{})}
		s.enablings[project] = e
		time.AfterFunc(together, func() {
			s.mu.Lock()
			delete(s.enablings, project)
			s.mu.Unlock()
			e.err = enableServices(context.WithoutCancel(ctx), c, project, e.names)
			close(e.done)
		})
	}
	e.names = append(e.names, name)
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.done:
		return e.err
	}
}

// enableServices enables services, and waits until all of them are listed.
func enableServices(ctx context.Context, c *client, project string, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, untilEnabled)
	defer cancel()
	var err error
	if len(names) == 1 {
		err = c.operate(ctx, serviceUsage, http.MethodPost, "projects/"+project+"/services/"+names[0]+":enable", struct{}{})
	} else {
		err = c.operate(ctx, serviceUsage, http.MethodPost, "projects/"+project+"/services:batchEnable", map[string]any{"serviceIds": names})
	}
	for err == nil {
		var enabled []string
		if enabled, err = listServices(ctx, c, project); err == nil {
			if !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(enabled, name) }) {
				return nil
			}
			err = pause(ctx, betweenListing)
		}
	}
	return err
}

func createService(ctx context.Context, c *client, in fields) (string, fields, error) {
	project, name := in.text("project"), in.text("service")
	id := project + "/" + name
	enabled, err := c.services.list(ctx, c, project)
	if err != nil || slices.Contains(enabled, name) {
		return id, nil, err
	}
	if err := c.services.enable(ctx, c, project, name); err != nil {
		return "", nil, err
	}
	_, err = readService(ctx, c, id, in)
	return id, nil, err
}

// readService reads the project, too: of one that is to be deleted no service is left.
func readService(ctx context.Context, c *client, id string, state fields) (fields, error) {
	if project, service, ok := strings.Cut(id, "/"); ok && state.text("service") == "" { // an import
		state = fields{"project": project, "service": service}
	}
	var project struct{ LifecycleState string }
	if err := c.call(ctx, resourceManager, http.MethodGet, "projects/"+state.text("project"), nil, &project); err != nil {
		return nil, err
	}
	if project.LifecycleState == "DELETE_REQUESTED" {
		return nil, errGone
	}
	enabled, err := c.services.list(ctx, c, state.text("project"))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(enabled, state.text("service")) {
		return nil, errGone
	}
	return state, nil
}

// keepService accepts settings that only matter later.
func keepService(context.Context, *client, string, fields, fields) (fields, error) { return nil, nil }

func deleteService(ctx context.Context, c *client, _ string, state fields) error {
	if keep, ok := state["disableOnDestroy"].(bool); ok && !keep {
		return nil
	}
	usage := "SKIP"
	if check, _ := state["checkIfServiceHasUsageOnDestroy"].(bool); check {
		usage = "CHECK"
	}
	body := map[string]any{"checkIfServiceHasUsage": usage}
	if dependent, _ := state["disableDependentServices"].(bool); dependent {
		body["disableDependentServices"] = true
	}
	return c.operate(ctx, serviceUsage, http.MethodPost, "projects/"+state.text("project")+"/services/"+state.text("service")+":disable", body)
}

// createIdentity makes a service's agent. Like the real plugin's generated code it asks for
// it at the address as it is, which by default has another version than that of the services.
func createIdentity(ctx context.Context, c *client, in fields) (string, fields, error) {
	id := "projects/" + in.text("project") + "/services/" + in.text("service")
	var op struct{ Response struct{ Email string } }
	if err := c.call(ctx, identities, http.MethodPost, id+":generateServiceIdentity", nil, &op); err != nil {
		return "", nil, err
	}
	return id, fields{"email": op.Response.Email, "member": "serviceAccount:" + op.Response.Email}, nil
}

// readIdentity trusts the state: nothing tells of an agent, and nothing removes it.
func readIdentity(_ context.Context, _ *client, _ string, state fields) (fields, error) {
	return state, nil
}

func keepIdentity(context.Context, *client, string, fields) error { return nil }
