// Package conformance settles what the local clouds only believe. It asks the table of
// refusals (sandbox/denials), and brings an environment up, runs it and takes it down,
// in the local clouds by default and by the same code in the real ones: in an AWS
// account, a project and two buckets that somebody names and gives away for it. It
// touches nothing before it has seen that these are the named ones and empty.
// docs/real-clouds.md is its manual.
package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// Guard is the environment variable without which nothing leaves this machine. Its value
// is Place.Sentence.
const Guard = "GCS_TO_S3_REAL_CLOUDS"

// The environment variables that name the place.
const (
	accountVariable     = "GCS_TO_S3_AWS_ACCOUNT"
	regionVariable      = "GCS_TO_S3_AWS_REGION"
	projectVariable     = "GCS_TO_S3_GOOGLE_PROJECT"
	sourceVariable      = "GCS_TO_S3_SOURCE_BUCKET"
	destinationVariable = "GCS_TO_S3_DESTINATION_BUCKET"
)

// Place is where the suite runs.
type Place struct {
	Account           string // AWS account ID
	Region            string // of the account; the destination bucket is there
	Project           string // Google Cloud project ID
	SourceBucket      string // of the project
	DestinationBucket string // of the account
}

// Sentence is what somebody must write into the variable Guard.
func (p Place) Sentence() string {
	return fmt.Sprintf("I own AWS account %s and Google Cloud project %s, and they may be emptied", p.Account, p.Project)
}

// elsewhere are the regions that rows of the table use as another one than the account's.
var elsewhere = []string{"eu-west-1", "eu-south-1", "us-west-2", "us-east-1"}

// Named reads the place from environment variables. Without the variable Guard the place
// is the local clouds', and real is false. All problems are in one error.
func Named(getenv func(string) string) (place Place, real bool, err error) {
	guard := getenv(Guard)
	if guard == "" {
		return Place{}, false, nil
	}
	p := Place{
		getenv(accountVariable), getenv(regionVariable), getenv(projectVariable), getenv(sourceVariable), getenv(destinationVariable),
	}
	var errs []error
	check := func(variable, value string, rule, hint string, ok bool) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %q: %s; hint: %s", variable, value, rule, hint))
		}
	}
	of := func(variable, value string, valid func(string) (string, string, bool)) {
		rule, hint, ok := valid(value)
		check(variable, value, rule, hint, ok && value != "")
	}
	of(accountVariable, p.Account, names.Account)
	check(regionVariable, p.Region, "must be a region, but none of "+strings.Join(elsewhere, ", "),
		"rows of the table use those as another region; choose ap-northeast-1, for example",
		strings.Count(p.Region, "-") >= 2 && !slices.Contains(elsewhere, p.Region))
	of(projectVariable, p.Project, names.Project)
	of(sourceVariable, p.SourceBucket, names.Bucket)
	of(destinationVariable, p.DestinationBucket, names.Bucket)
	check(destinationVariable, p.DestinationBucket, "must differ from "+sourceVariable, "the table tells the two buckets apart by their names",
		p.DestinationBucket != p.SourceBucket || p.SourceBucket == "")
	if len(errs) == 0 {
		check(Guard, guard, "must be exactly: "+p.Sentence(), "write it only if it is true: everything in them can be lost", guard == p.Sentence())
	}
	return p, true, errors.Join(errs...)
}

// names are the place's names, with those of the article for the rest.
func (p Place) names(projectNumber string) sandboxtest.Names {
	n := sandboxtest.Defaults
	n.Account, n.Region, n.Project, n.ProjectNumber = p.Account, p.Region, p.Project, projectNumber
	n.SourceBucket, n.DestinationBucket = p.SourceBucket, p.DestinationBucket
	return n
}
