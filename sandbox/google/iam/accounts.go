package iam

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// Limits of service accounts: IAM API reference, "projects.serviceAccounts".
const (
	minAccountID, maxAccountID = 6, 30
	maxAccountName             = 100
	maxAccountDescription      = 256
	uniqueIDDigits             = 21
	maxAccountPage             = 100
)

var accountIDPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])$`)

// account is one service account.
type account struct {
	Name           string `json:"name"`
	ProjectID      string `json:"projectId"`
	UniqueID       string `json:"uniqueId"`
	Email          string `json:"email"`
	DisplayName    string `json:"displayName,omitempty"`
	Description    string `json:"description,omitempty"`
	Etag           string `json:"etag,omitempty"`
	OAuth2ClientID string `json:"oauth2ClientId,omitempty"`
	Disabled       bool   `json:"disabled,omitempty"`

	policy  policy.Timeline
	deleted time.Time // zero while it exists
}

func (a *account) member() string { return "serviceAccount:" + a.Email }
func (a *account) deletedMember() string {
	return "deleted:serviceAccount:" + a.Email + "?uid=" + a.UniqueID
}

// resource is the account's full resource name.
func (a *account) resource() string {
	return "//iam.googleapis.com/projects/" + a.ProjectID + "/serviceAccounts/" + a.Email
}

// find returns the living account of an e-mail address or unique id.
func (s *IAM) find(name string) *account {
	i := slices.IndexFunc(s.accounts, func(a *account) bool {
		return a.deleted.IsZero() && (a.Email == name || a.UniqueID == name)
	})
	if i < 0 {
		return nil
	}
	return s.accounts[i]
}

// Account is what other services may know of a living service account.
type Account struct {
	Email    string
	UniqueID string
	Disabled bool
	Policy   policy.Timeline
	Resource string // full resource name
}

// Account looks a living service account up by e-mail address or unique id.
func (s *IAM) Account(name string) (Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(name)
	if a == nil {
		return Account{}, false
	}
	return Account{a.Email, a.UniqueID, a.Disabled, a.policy, a.resource()}, true
}

// lookup finds the account of a path; the project may be "-".
func (s *IAM) lookup(r *api.Request, permission string, args []string) (*account, error) {
	if args[0] != "-" {
		if err := s.project(args[0]); err != nil {
			return nil, err
		}
	}
	a := s.find(args[1])
	if a == nil && args[0] == "-" { // 403 instead of 404: IAM API reference, "projects.serviceAccounts.get"
		return nil, api.PermissionDenied(permission, "")
	}
	if a == nil {
		// Only callers that could see it learn whether it exists.
		if err := r.Authorize(permission, s.ProjectResource()); err != nil {
			return nil, err
		}
		if strings.HasSuffix(permission, "IamPolicy") {
			return nil, noAccount(args)
		}
		return nil, api.NotFound("Unknown service account")
	}
	return a, r.Authorize(permission, a.resource(), a.policy)
}

func (s *IAM) createAccount(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	if err := r.Authorize("iam.serviceAccounts.create", s.ProjectResource()); err != nil {
		return nil, err
	}
	var in struct {
		AccountID      string  `json:"accountId"`
		ServiceAccount account `json:"serviceAccount"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if n := len(in.AccountID); n < minAccountID || n > maxAccountID {
		return nil, api.InvalidArgument("The account ID \"%s\" does not have a length between %d and %d.", in.AccountID, minAccountID, maxAccountID)
	}
	if !accountIDPattern.MatchString(in.AccountID) {
		return nil, api.InvalidArgument("Invalid account ID \"%s\".", in.AccountID)
	}
	if err := checkTexts(in.ServiceAccount); err != nil {
		return nil, err
	}
	email := in.AccountID + "@" + s.opts.ProjectID + ".iam.gserviceaccount.com"
	if s.find(email) != nil {
		exists := api.AlreadyExists("Service account %s already exists within project projects/%s.", in.AccountID, s.opts.ProjectID)
		exists.Details = []any{api.ResourceInfo("projects/" + s.opts.ProjectID + "/serviceAccounts/" + email)}
		return nil, exists
	}
	if err := s.opts.Policies.Accounts(email); err != nil {
		return nil, err
	}
	id := digits(uniqueIDDigits)
	a := &account{
		Name:           "projects/" + s.opts.ProjectID + "/serviceAccounts/" + email,
		ProjectID:      s.opts.ProjectID,
		UniqueID:       id,
		Email:          email,
		DisplayName:    in.ServiceAccount.DisplayName,
		Description:    in.ServiceAccount.Description,
		Etag:           "MDEwMjE5MjA=", // Google answers this constant
		OAuth2ClientID: id,
	}
	s.accounts = append(s.accounts, a)
	s.living.Store(email, true)
	return a, nil
}

func checkTexts(a account) error {
	if len(a.DisplayName) > maxAccountName {
		return api.InvalidArgument("The display name must have at most %d bytes.", maxAccountName)
	}
	if len(a.Description) > maxAccountDescription {
		return api.InvalidArgument("The description must have at most %d bytes.", maxAccountDescription)
	}
	return nil
}

func (s *IAM) listAccounts(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	if err := r.Authorize("iam.serviceAccounts.list", s.ProjectResource()); err != nil {
		return nil, err
	}
	living := []*account{}
	for _, a := range s.accounts {
		if a.deleted.IsZero() {
			living = append(living, a)
		}
	}
	return listing(r, "accounts", living, maxAccountPage)
}

func (s *IAM) getAccount(r *api.Request, args []string) (any, error) {
	return s.lookup(r, "iam.serviceAccounts.get", args)
}

// patchAccount changes the fields that the mask names.
func (s *IAM) patchAccount(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.update", args)
	if err != nil {
		return nil, err
	}
	var in struct {
		ServiceAccount account `json:"serviceAccount"`
		UpdateMask     string  `json:"updateMask"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if err := checkTexts(in.ServiceAccount); err != nil {
		return nil, err
	}
	changed := *a
	for field := range strings.SplitSeq(in.UpdateMask, ",") {
		switch field {
		case "displayName", "display_name":
			changed.DisplayName = in.ServiceAccount.DisplayName
		case "description":
			changed.Description = in.ServiceAccount.Description
		default:
			return nil, api.InvalidArgument("Invalid update mask: %q.", field)
		}
	}
	*a = changed
	return a, nil
}

// putAccount replaces the texts, the older way to change an account.
func (s *IAM) putAccount(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.update", args)
	if err != nil {
		return nil, err
	}
	var in account
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if err := checkTexts(in); err != nil {
		return nil, err
	}
	a.DisplayName, a.Description = in.DisplayName, in.Description
	return a, nil
}

func (s *IAM) deleteAccount(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.delete", args)
	if err != nil {
		return nil, err
	}
	a.deleted = s.opts.Now()
	s.living.Delete(a.Email)
	s.rename(a.member(), a.deletedMember())
	return struct{}{}, nil
}

// undeleteAccount brings an account back by its unique id; its bindings live
// again. It fails if another account took the address meanwhile.
func (s *IAM) undeleteAccount(r *api.Request, args []string) (any, error) {
	if args[0] != "-" {
		if err := s.project(args[0]); err != nil {
			return nil, err
		}
	}
	if err := r.Authorize("iam.serviceAccounts.undelete", s.ProjectResource()); err != nil {
		return nil, err
	}
	for _, a := range s.accounts {
		if a.UniqueID != args[1] || a.deleted.IsZero() {
			continue
		}
		if s.find(a.Email) != nil {
			return nil, api.FailedPrecondition("Service account %s already exists within project projects/%s.", a.Email, s.opts.ProjectID)
		}
		a.deleted = time.Time{}
		s.living.Store(a.Email, true)
		s.rename(a.deletedMember(), a.member())
		return map[string]any{"restoredAccount": a}, nil
	}
	return nil, noAccount(args)
}

func noAccount(args []string) error {
	return api.NotFound("Service account projects/%s/serviceAccounts/%s does not exist.", args[0], args[1])
}

// rename changes a member in every policy of the project.
func (s *IAM) rename(from, to string) {
	for _, a := range s.accounts {
		a.policy = a.policy.Rename(from, to)
	}
	if s.opts.Renamed != nil {
		s.opts.Renamed(from, to)
	}
}

func (s *IAM) enableAccount(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.enable", args)
	if err != nil {
		return nil, err
	}
	a.Disabled = false
	return struct{}{}, nil
}

func (s *IAM) disableAccount(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.disable", args)
	if err != nil {
		return nil, err
	}
	a.Disabled = true
	return struct{}{}, nil
}
