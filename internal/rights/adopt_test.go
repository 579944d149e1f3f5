package rights_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// TestAdoption adopts what was made by hand as somebody with exactly the rights of up and of
// adopt. With -every-right it first tries without each of those of adopt, and goes on from
// where that stopped.
func TestAdoption(t *testing.T) {
	longtest.Skip(t)
	w := open(t)
	project := "/v1/projects/" + w.Env.GoogleProject
	for _, api := range []string{"iam", "iamcredentials", "sts", "cloudresourcemanager", "storage"} {
		w.google(t, http.MethodPost, project+"/services/"+api+".googleapis.com:enable", map[string]any{}, nil)
	}
	w.bind(t, project, "roles/iam.serviceAccountTokenCreator", "user:sandbox-admin@example.com")
	var err error
	if w.env, err = w.Add("sandbox-adopt", map[string]string{"suffix": "-adopt"}); err != nil {
		t.Fatal(err)
	}
	w.byHand(t)
	policy, grants := rights.Policy(rights.Up, rights.Adopt), rights.Grants(rights.Up, rights.Adopt)
	if *everyRight {
		w.adoptWithoutEach(t, policy, grants)
	}
	who := w.caller(t, rights.Adopt, policy, grants)
	out := w.do(t, map[rights.Command]caller{rights.Adopt: who}, rights.Adopt, "--yes")
	if !strings.Contains(out, "has taken it over") {
		t.Errorf("adopt prints\n%s", out)
	}
	if *everyRight { // what earlier runs did is not done again
		return
	}
	for _, row := range rights.AWS() {
		if slices.Contains(row.For, rights.Adopt) {
			w.usedBy(t, row, w.pattern(row.On))
		}
	}
	for _, d := range w.used[rights.Adopt] {
		if !slices.ContainsFunc(slices.Concat(rights.AWS(), rights.Google()), func(r rights.Right) bool {
			return (slices.Contains(r.For, rights.Adopt) || slices.Contains(r.For, rights.Up)) && slices.Contains(r.Actions, d.Action)
		}) {
			t.Errorf("the table lacks %s on %s for adopt", d.Action, d.Resource)
		}
	}
}

// late are the rights that an adoption needs after it has begun, in this order.
var late = []string{
	"s3:PutObject", "lambda:UpdateFunctionConfiguration", "s3:GetObject", "lambda:UpdateFunctionCode", "iam:DetachRolePolicy", "s3:DeleteObject",
}

// adoptWithoutEach adopts without each right: what cannot be seen ends it before anything is
// changed, what cannot be changed ends it there, and the next run goes on.
func (w *walk) adoptWithoutEach(t *testing.T, policy string, grants []rights.Grant) {
	t.Helper()
	var early []string
	for _, row := range rights.AWS() {
		if slices.Contains(row.For, rights.Adopt) {
			early = append(early, row.Actions...)
		}
	}
	early = slices.DeleteFunc(early, func(action string) bool { return slices.Contains(late, action) })
	for _, action := range slices.Concat(early, late) {
		who := w.caller(t, "lacking", strings.ReplaceAll(policy, strconv.Quote(action), `"sts:TagSession"`), grants)
		out, decisions, err := w.run(t, who, "adopt", w.env.Name, "--yes", "--no-verify")
		if err == nil || !strings.Contains(out, action) || !slices.ContainsFunc(decisions, func(d journal.Decision) bool { return !d.Allowed && d.Action == action }) {
			t.Errorf("adopt without %s: %v\n%s", action, err, out)
		}
		w.forget(t, who)
	}
}

// byHand makes what the article makes, under the environment's names.
func (w *walk) byHand(t *testing.T) {
	t.Helper()
	project := "/v1/projects/" + w.env.GoogleProject
	pool := project + "/locations/global/workloadIdentityPools/" + w.env.Pool
	w.google(t, http.MethodPost, project+"/serviceAccounts", map[string]any{"accountId": w.env.ServiceAccount}, nil)
	w.google(t, http.MethodPost, project+"/locations/global/workloadIdentityPools?workloadIdentityPoolId="+w.env.Pool, map[string]any{}, nil)
	w.google(t, http.MethodPost, pool+"/providers?workloadIdentityPoolProviderId="+w.env.Provider, map[string]any{"aws": map[string]any{"accountId": w.env.AWSAccount}}, nil)
	w.bind(t, "/storage/v1/b/"+w.env.SourceBucket, "roles/storage.objectViewer", "serviceAccount:"+w.env.ServiceAccountEmail())

	roles := iam.NewFromConfig(w.admin)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	if _, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &w.env.Role, AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	for _, arn := range ownership.ArticlePolicies() {
		if _, err := roles.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &w.env.Role, PolicyArn: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	inline, _ := ownership.RolePolicies(w.env) // one is there, as after an interruption
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`
	if _, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &w.env.Role, PolicyName: &inline[0], PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
	if _, err := lambda.NewFromConfig(w.admin).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &w.env.Function, Role: aws.String(w.env.RoleARN()), Runtime: lambdatypes.RuntimeProvidedal2, Handler: aws.String("handler"),
		Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(w.env.Architecture)},
		Code:          &lambdatypes.FunctionCode{ZipFile: integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!/bin/sh\n")})},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := cloudwatchlogs.NewFromConfig(w.admin).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(w.env.LogGroup())}); err != nil {
		t.Fatal(err)
	}
}
