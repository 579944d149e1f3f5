package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// outcomes are what a simulation says: action, resource, decision, the policy
// that decided and the keys that are missing.
func outcomes(results []types.EvaluationResult) [][]string {
	var out [][]string
	for _, r := range results {
		line := []string{*r.EvalActionName, *r.EvalResourceName, string(r.EvalDecision)}
		for _, m := range r.MatchedStatements {
			line = append(line, "by "+*m.SourcePolicyId)
		}
		for _, key := range r.MissingContextValues {
			line = append(line, "without "+key)
		}
		out = append(out, line)
	}
	return out
}

func TestSimulation(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := iam.NewFromConfig(s.Config(s.Admin())), t.Context()
	role := createRole(t, c, "worker")
	if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("worker"), PolicyName: ptr("own"), PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"},{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringEquals":{"s3:prefix":"in/"}}}]}`)}); err != nil {
		t.Fatal(err)
	}
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: role.Arn, ActionNames: []string{"s3:GetObject", "s3:DeleteObject", "s3:ListBucket"}, ResourceArns: []string{"arn:aws:s3:::b/k"}}
	got, err := c.SimulatePrincipalPolicy(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"s3:GetObject", "arn:aws:s3:::b/k", "allowed", "by own", "without s3:prefix"},
		{"s3:DeleteObject", "arn:aws:s3:::b/k", "explicitDeny", "by own", "without s3:prefix"},
		{"s3:ListBucket", "arn:aws:s3:::b/k", "allowed", "by own", "without s3:prefix"},
	}
	if diff := cmp.Diff(want, outcomes(got.EvaluationResults)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	in.ActionNames, in.ResourceArns = []string{"s3:ListBucket", "iam:GetRole"}, []string{"arn:aws:s3:::c"}
	in.ContextEntries = []types.ContextEntry{{ContextKeyName: ptr("s3:prefix"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"in/"}}}
	if got, err = c.SimulatePrincipalPolicy(ctx, in); err != nil {
		t.Fatal(err)
	}
	want = [][]string{{"s3:ListBucket", "arn:aws:s3:::c", "allowed", "by own"}, {"iam:GetRole", "arn:aws:s3:::c", "implicitDeny"}}
	if diff := cmp.Diff(want, outcomes(got.EvaluationResults)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: role.Arn, ActionNames: []string{"s3:GetObject"}, PermissionsBoundaryPolicyInputList: []string{allowAll}})
	if diff := cmp.Diff(awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter PermissionsBoundaryPolicyInputList.member.1."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
