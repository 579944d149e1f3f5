package sts_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
)

const github = "token.actions.githubusercontent.com"

// federated is a trust policy for an identity provider.
func federated(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/` + github +
		`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":` + condition + `}]}`
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	t.Parallel()
	issuer, err := oidc.NewIssuer("https://" + github)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := oidc.NewIssuer("https://" + github)
	if err != nil {
		t.Fatal(err)
	}
	s := awstest.Start(t, func(o *aws.Options) { o.Web = issuer })
	admin := iam.NewFromConfig(s.Config(s.Admin()))
	create := func() error {
		_, err := admin.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
			Url: ptr("https://" + github), ClientIDList: []string{"sts.amazonaws.com", "other"}, ThumbprintList: []string{strings.Repeat("f", 40)},
		})
		return err
	}
	role(t, s, "trusting", federated(`{"StringEquals":{"`+github+`:aud":"sts.amazonaws.com","`+github+`:sub":["repo:o/r:environment:clouds"]}}`))
	role(t, s, "accounts", trust(`{"AWS":"111122223333"}`, ""))
	sign := func(i *oidc.Issuer, changes oidc.Claims) string {
		t.Helper()
		claims := oidc.Claims{
			"sub": "repo:o/r:environment:clouds", "aud": "sts.amazonaws.com", "iat": s.Now().Unix(), "exp": s.Now().Add(5 * time.Minute).Unix(),
		}
		for name, value := range changes {
			claims[name] = value
		}
		text, err := i.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := sign(issuer, nil)
	anonymous := s.Config(api.Credentials{})
	anonymous.Credentials = sdk.AnonymousCredentials{}
	assume := func(name, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return sts.NewFromConfig(anonymous).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: ptr("arn:aws:iam::111122223333:role/" + name), RoleSessionName: ptr("GitHubActions"), WebIdentityToken: &token,
		})
	}
	invalid := func(message string) awstest.Refusal { return awstest.Refused(400, "InvalidIdentityToken", message) }
	unauthorized := awstest.Refused(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = assume("trusting", good)
	if diff := cmp.Diff(invalid("No OpenIDConnect provider found in your account for https://"+github), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("without a provider (-want +got):\n%s", diff)
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(awstest.Refused(409, "EntityAlreadyExists", "Provider with url https://"+github+" already exists."), awstest.RefusalOf(t, create())); diff != "" {
		t.Errorf("a second provider (-want +got):\n%s", diff)
	}
	provider, err := admin.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{
		OpenIDConnectProviderArn: ptr("arn:aws:iam::111122223333:oidc-provider/" + github),
	})
	if err != nil || *provider.Url != github || len(provider.ClientIDList) != 2 {
		t.Errorf("the provider is %+v, %v", provider, err)
	}
	out, err := assume("trusting", good)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Provider != "https://"+github || *out.Audience != "sts.amazonaws.com" || *out.SubjectFromWebIdentityToken != "repo:o/r:environment:clouds" {
		t.Errorf("it answers %+v", out)
	}
	who, err := sts.NewFromConfig(s.Config(api.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
	})).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Arn != "arn:aws:sts::111122223333:assumed-role/trusting/GitHubActions" {
		t.Errorf("the session is %+v, %v", who, err)
	}
	past := s.Now().Add(-time.Minute).Unix()
	for name, tt := range map[string]struct {
		role, token string
		want        awstest.Refusal
	}{
		"another subject":   {"trusting", sign(issuer, oidc.Claims{"sub": "repo:o/r:pull_request"}), unauthorized},
		"another audience":  {"trusting", sign(issuer, oidc.Claims{"aud": "other"}), unauthorized},
		"a role for others": {"accounts", good, unauthorized},
		"no such role":      {"none", good, unauthorized},
		"unknown audience":  {"trusting", sign(issuer, oidc.Claims{"aud": "sigstore"}), invalid("Incorrect token audience")},
		"unknown issuer":    {"trusting", sign(issuer, oidc.Claims{"iss": "https://issuer.example"}), invalid("No OpenIDConnect provider found in your account for https://issuer.example")},
		"an access token":   {"trusting", "ghs_1234", invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")},
		"signed by another": {"trusting", sign(forger, nil), invalid("The ID Token signature could not be verified")},
		"without an end":    {"trusting", sign(issuer, oidc.Claims{"exp": 0}), invalid("Missing a required claim: sub, exp or iat")},
		"a short token":     {"trusting", "abc", awstest.Refused(400, "ValidationError", "1 validation error detected: Value 'abc' at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4")},
	} {
		_, err := assume(tt.role, tt.token)
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, err = assume("trusting", sign(issuer, oidc.Claims{"exp": past}))
	if got := awstest.RefusalOf(t, err); got.Code != "ExpiredTokenException" || got.Status != 400 || !strings.HasPrefix(got.Message, "Token expired: current date/time ") {
		t.Errorf("an expired token is refused with %+v", got)
	}
	issuer.Down = true
	_, err = assume("trusting", good)
	if diff := cmp.Diff(invalid("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("with an issuer that is down (-want +got):\n%s", diff)
	}
	if _, err := admin.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: ptr("arn:aws:iam::111122223333:oidc-provider/" + github)}); err != nil {
		t.Fatal(err)
	}
}

// TestUnsigned: nothing else goes without a signature.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	anonymous := s.Config(api.Credentials{})
	anonymous.Credentials = sdk.AnonymousCredentials{}
	_, err := sts.NewFromConfig(anonymous).GetCallerIdentity(t.Context(), nil)
	if got := awstest.RefusalOf(t, err); got.Status != 403 || got.Code != "MissingAuthenticationToken" {
		t.Errorf("it is refused with %+v", got)
	}
}
