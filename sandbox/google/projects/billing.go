package projects

import (
	"regexp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// firstAccount is the billing account that the project begins with.
const firstAccount = "billingAccounts/012345-567890-ABCDEF"

// accountPattern is the name of a billing account: Cloud Billing API reference,
// "billingAccounts".
var accountPattern = regexp.MustCompile(`^billingAccounts/[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$`)

// billingInfo is ProjectBillingInfo of the Cloud Billing API reference.
type billingInfo struct {
	Name      string `json:"name"`
	ProjectID string `json:"projectId"`
	Account   string `json:"billingAccountName"`
	Enabled   bool   `json:"billingEnabled"`
}

func (s *Projects) info() billingInfo {
	return billingInfo{"projects/" + s.opts.ID + "/billingInfo", s.opts.ID, s.billing, s.billing != ""}
}

func (s *Projects) getBilling(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "resourcemanager.projects.get", args[0]); err != nil {
		return nil, err
	}
	return s.info(), nil
}

// putBilling links the project to an account, or to none. Every account is one that the
// caller may use.
func (s *Projects) putBilling(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "resourcemanager.projects.createBillingAssignment", args[0]); err != nil {
		return nil, err
	}
	var in billingInfo
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if in.Account != "" && !accountPattern.MatchString(in.Account) {
		return nil, api.InvalidArgument("Request contains an invalid argument.")
	}
	s.billing = in.Account
	return s.info(), nil
}

// Billed reports whether the project has a billing account.
func (s *Projects) Billed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.billing != ""
}
