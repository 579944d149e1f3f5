package denials

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// exchange is a row whose token is refused.
func exchange(section, name string, set func(t *testing.T, c *Clouds) login, status int, code, message, source string) denial {
	return denial{section, name, func(t *testing.T, c *Clouds) error { return set(t, c).denied(t, c) }, status, code, message, source}
}

// fromAWS are exchanges that AWS's own answer refuses.
func fromAWS() []denial {
	const section = "Token exchange: what AWS says of the signature"
	refused := func(code, message string) string {
		return "Received invalid AWS response of type " + code + " with error message: " + message
	}
	mismatch := refused("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	row := func(name string, set func(t *testing.T, c *Clouds) login, message string) denial {
		return exchange(section, name, set, 400, "invalid_grant", message, "AWS's part: Common errors (AWS STS API Reference); Google's: googleapis/google-api-dotnet-client, issue 2250")
	}
	authorization := func(change func(string) string) func(*testing.T, *Clouds) login {
		return func(*testing.T, *Clouds) login {
			return login{request: func(s *signed) { h := s.header("Authorization"); h.Value = change(h.Value) }}
		}
	}
	credentials := func(change func(*api.Credentials)) func(*testing.T, *Clouds) login {
		return func(t *testing.T, c *Clouds) login {
			creds := c.Session(t, c.Names.Role)
			change(&creds)
			return login{creds: creds}
		}
	}
	later := func(d time.Duration) func(*testing.T, *Clouds) login {
		return func(t *testing.T, c *Clouds) login {
			creds := c.Session(t, c.Names.Role)
			c.Advance(d)
			return login{creds: creds}
		}
	}
	return []denial{
		row("a tampered signature", authorization(func(a string) string { return a[:len(a)-1] + string("01"[(a[len(a)-1]&1)^1]) }), mismatch),
		row("another secret", credentials(func(k *api.Credentials) { k.SecretAccessKey = strings.Repeat("x", 40) }), mismatch),
		row("an unknown key", credentials(func(k *api.Credentials) { k.AccessKeyID = "ASIAIOSFODNN7EXAMPLE" }), refused("InvalidClientTokenId", "The security token included in the request is invalid.")),
		row("another session's token", credentials(func(k *api.Credentials) { k.SessionToken += "x" }), refused("InvalidClientTokenId", "The security token included in the request is invalid.")),
		row("no session token", credentials(func(k *api.Credentials) { k.SessionToken = "" }), refused("InvalidClientTokenId", "The security token included in the request is invalid.")),
		row("an expired session", func(t *testing.T, c *Clouds) login {
			c.Advance(-61 * time.Minute)
			creds := c.Session(t, c.Names.Role)
			c.Advance(61 * time.Minute)
			return login{creds: creds}
		}, refused("ExpiredToken", "The security token included in the request is expired")),
		row("signed 16 minutes ago", later(16*time.Minute), refused("SignatureDoesNotMatch", "Signature expired: … is now earlier than … (… - 15 min.)")),
		row("signed 16 minutes ahead", later(-16*time.Minute), refused("SignatureDoesNotMatch", "Signature not yet current: … is still later than … (… + 15 min.)")),
		row("a scope of another region", authorization(func(a string) string { return region.ReplaceAllString(a, "/us-west-2/sts/") }), refused("SignatureDoesNotMatch", "Credential should be scoped to a valid region.…")),
		row("a scope of another service", authorization(func(a string) string { return strings.Replace(a, "/sts/", "/s3/", 1) }), refused("SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'.…")),
		row("a header changed after it was signed", func(t *testing.T, c *Clouds) login {
			return login{request: func(s *signed) {
				h := s.header("x-amz-date")
				h.Value = time.Now().Add(-time.Minute).UTC().Format("20060102T150405Z")
			}}
		}, mismatch),
	}
}

// region is that of a scope.
var region = regexp.MustCompile(`/[a-z0-9-]+/sts/`)

// subjectTokens are exchanges of what is no subject token.
func subjectTokens() []denial {
	const section = "Token exchange: the subject token"
	row := func(name string, change func(*signed), message, source string) denial {
		return exchange(section, name, func(*testing.T, *Clouds) login { return login{request: change} }, 400, "invalid_grant", message, source)
	}
	text := func(name string, change func(string) string, message, source string) denial {
		return exchange(section, name, func(*testing.T, *Clouds) login { return login{subject: change} }, 400, "invalid_grant", message, source)
	}
	const host = ".amazonaws.com"
	return []denial{
		text("not JSON", func(string) string { return "not-json" }, badCredentials, "googleapis/google-api-python-client, issue 1136"),
		text("a list", func(string) string { return "%5B%5D" }, badCredentials, "googleapis/google-api-python-client, issue 1136; for this fault believed"),
		text("encoded twice", url.QueryEscape, badCredentials, "googleapis/google-api-python-client, issue 1136; for this fault believed"),
		text("two tokens", func(s string) string { return s + s }, badFormat, believed),
		exchange(section, "over 64 KiB", func(*testing.T, *Clouds) login {
			return login{subject: func(s string) string { return s + strings.Repeat("%20", 64<<10) }}
		}, 400, "invalid_request", "The request is too large.", believed),
		row("another method", func(s *signed) { s.Method = "GET" }, badFormat, badFormats),
		row("http", func(s *signed) { s.URL = strings.Replace(s.URL, "https:", "http:", 1) }, badFormat, badFormats),
		row("another host", func(s *signed) {
			s.URL = strings.Replace(s.URL, host, host+".evil.example", 1)
			s.header("host").Value += ".evil.example"
		}, badFormat, badFormats),
		row("a host that is not the URL's", func(s *signed) { s.header("host").Value = "sts.amazonaws.com" }, badFormat, badFormats),
		row("a port", func(s *signed) { s.URL = strings.Replace(s.URL, host, host+":8443", 1) }, badFormat, badFormats),
		row("a path", func(s *signed) { s.URL = strings.Replace(s.URL, host, host+"/x", 1) }, badFormat, badFormats),
		row("another action", func(s *signed) { s.URL = strings.Replace(s.URL, "GetCallerIdentity", "GetSessionToken", 1) }, badFormat, badFormats),
		row("a further parameter", func(s *signed) { s.URL += "&Extra=1" }, badFormat, badFormats),
		row("an action twice", func(s *signed) { s.URL += "&Action=GetSessionToken" }, badFormat, badFormats),
		row("a body", func(s *signed) { s.Body = "Action=GetSessionToken" }, badFormat, badFormats),
		row("no Authorization", func(s *signed) { s.without("Authorization") }, badFormat, badFormats),
		row("no date", func(s *signed) { s.without("x-amz-date") }, badFormat, badFormats),
		row("a header twice", func(s *signed) { s.Headers = append(s.Headers, *s.header("x-amz-date")) }, badFormat, badFormats),
		row("no target resource", func(s *signed) { s.without("x-goog-cloud-target-resource") }, badTarget, believed),
		row("another target resource", func(s *signed) { s.header("x-goog-cloud-target-resource").Value += "x" }, badTarget, believed),
		exchange(section, "a replay at another provider", func(t *testing.T, c *Clouds) login {
			second := addProvider(t, c, "second", nil)
			return login{form: func(f url.Values) { f.Set("audience", second) }}
		}, 400, "invalid_grant", badTarget, believed),
		exchange(section, "of another type", func(*testing.T, *Clouds) login {
			return login{form: func(f url.Values) { f.Set("subject_token_type", "urn:ietf:params:oauth:token-type:jwt") }}
		}, 400, "invalid_request", `Invalid value for "subject_token_type".`, believed),
		exchange(section, "no scope", func(*testing.T, *Clouds) login {
			return login{form: func(f url.Values) { f.Del("scope") }}
		}, 400, "invalid_scope", "Missing required parameter: scope", believed),
		exchange(section, "another grant", func(*testing.T, *Clouds) login {
			return login{form: func(f url.Values) { f.Set("grant_type", "client_credentials") }}
		}, 400, "unsupported_grant_type", "Bad Request", believed),
	}
}

// addProvider makes another provider of the pool, and returns its audience.
func addProvider(t *testing.T, c *Clouds, id string, settings map[string]any) string {
	t.Helper()
	body := map[string]any{"aws": map[string]any{"accountId": c.Names.Account}}
	for k, v := range settings {
		body[k] = v
	}
	c.Call(t, "POST", c.PoolPath()+"/providers?workloadIdentityPoolProviderId="+c.named(id), body, nil)
	names := c.Names
	names.Provider = c.named(id)
	return names.Audience()
}

// patch changes one field of the pool or, with a path behind it, its provider.
func patch(field string, value any, path func(c *Clouds) string) func(t *testing.T, c *Clouds) login {
	return func(t *testing.T, c *Clouds) login {
		c.Call(t, "PATCH", path(c)+"?updateMask="+field, map[string]any{field: value}, nil)
		return login{}
	}
}

func thePool(c *Clouds) string { return c.PoolPath() }

func theProvider(c *Clouds) string {
	return c.PoolPath() + "/providers/" + c.Names.Provider
}

// remove deletes what stands at a path.
func remove(path func(c *Clouds) string) func(t *testing.T, c *Clouds) login {
	return func(t *testing.T, c *Clouds) login {
		c.Call(t, "DELETE", path(c), nil, nil)
		return login{}
	}
}

// at exchanges at a changed audience.
func at(change func(c *Clouds, audience string) string) func(t *testing.T, c *Clouds) login {
	return func(_ *testing.T, c *Clouds) login {
		return login{audience: change(c, c.Names.Audience())}
	}
}

// providers are exchanges that the provider refuses.
func providers() []denial {
	const section = "Token exchange: the provider"
	mapped := func(mapping map[string]string) func(*testing.T, *Clouds) login {
		return func(t *testing.T, c *Clouds) login {
			return login{audience: addProvider(t, c, "mapped", map[string]any{"attributeMapping": mapping})}
		}
	}
	role := func(name func(*Clouds) string) func(*testing.T, *Clouds) login {
		return func(t *testing.T, c *Clouds) login {
			c.MakeRole(t, name(c), "")
			return login{creds: c.Session(t, name(c))}
		}
	}
	const audienceForm = `Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.`
	return []denial{
		exchange(section, "disabled", patch("disabled", true, theProvider), 400, "invalid_target", invalidTarget, invalidTargets),
		exchange(section, "deleted", remove(theProvider), 400, "invalid_target", invalidTarget, invalidTargets),
		exchange(section, "not there", at(func(c *Clouds, a string) string { return a + "x" }), 400, "invalid_target", invalidTarget, invalidTargets),
		exchange(section, "named without its prefix", at(func(c *Clouds, a string) string { return strings.TrimPrefix(a, "//iam.googleapis.com/") }), 400, "invalid_request", audienceForm, "Method: token (Security Token Service API)"),
		exchange(section, "named by the project's id", at(func(c *Clouds, a string) string { return strings.Replace(a, c.Names.ProjectNumber, c.Names.Project, 1) }), 400, "invalid_request", audienceForm, "Method: token (Security Token Service API)"),
		exchange(section, "of another account", patch("aws", map[string]any{"accountId": "999999999999"}, theProvider), 400, "invalid_grant", "The AWS account of the given credential (123456789012) is not the account that the provider trusts.", believed),
		exchange(section, "another role than the condition's", role(func(c *Clouds) string { return c.named("other-role") }), 400, "unauthorized_client", rejected, rejections),
		exchange(section, "a role whose name begins like the condition's", role(func(c *Clouds) string { return c.Names.Role + "-evil" }), 400, "unauthorized_client", rejected, rejections),
		exchange(section, "a condition that is false", patch("attributeCondition", "assertion.account == '000000000000'", theProvider), 400, "unauthorized_client", rejected, rejections),
		exchange(section, "a condition that fails", patch("attributeCondition", "assertion.missing == 'x'", theProvider), 400, "unauthorized_client", rejected, rejections),
		exchange(section, "a mapping to an empty subject", mapped(map[string]string{"google.subject": "assertion.arn.extract('user/{name}')"}), 400, "unauthorized_client", "The mapped attribute google.subject must not be empty.", believed),
		exchange(section, "a mapping of what is not there", mapped(map[string]string{"google.subject": "assertion.sub"}), 400, "unauthorized_client", "Error evaluating the mapping of google.subject: no such key: sub", believed),
		exchange(section, "a subject of over 127 bytes", mapped(map[string]string{"google.subject": "assertion.arn + assertion.arn + assertion.arn"}), 400, "invalid_request", tooLong, troubleshooting),
		exchange(section, "a subject that is no string", mapped(map[string]string{"google.subject": "assertion.arn == 'x'"}), 400, "unauthorized_client", "The mapped attribute 'google.subject' must be of type STRING.", "google-github-actions/auth, issue 378"),
		exchange(section, "another attribute that is no string", mapped(map[string]string{"google.subject": "assertion.arn", "attribute.parts": "assertion.arn.split('/')"}), 400, "unauthorized_client", "The mapped attribute 'attribute.parts' must be of type STRING.", believed),
	}
}

// quotas are exchanges that come too fast.
func quotas() []denial {
	return []denial{exchange("Token exchange: the quota", "used up", func(_ *testing.T, c *Clouds) login {
		c.Fail(faults.Rule{Service: "google/sts", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 429}}})
		return login{}
	}, 429, "quota_exceeded", "The request was throttled due to rate limit: sts.googleapis.com/requests. Please retry after a few seconds.", troubleshooting)}
}

// pools are exchanges that the pool refuses.
func pools() []denial {
	const section = "Token exchange: the pool"
	return []denial{
		exchange(section, "disabled", patch("disabled", true, thePool), 400, "invalid_target", invalidTarget, invalidTargets),
		exchange(section, "deleted", remove(thePool), 400, "invalid_target", invalidTarget, invalidTargets),
		exchange(section, "not there", at(func(c *Clouds, a string) string {
			return strings.Replace(a, "Pools/"+c.Names.Pool, "Pools/"+c.named("other-pool"), 1)
		}), 400, "invalid_target", invalidTarget, invalidTargets),
		exchange(section, "of another project", at(func(c *Clouds, a string) string { return strings.Replace(a, c.Names.ProjectNumber, "123", 1) }), 400, "invalid_target", invalidTarget, invalidTargets),
	}
}

// bindings are impersonations that the service account's policy refuses.
func bindings() []denial {
	const section = "generateAccessToken: the binding"
	row := func(name string, binding func(t *testing.T, c *Clouds) map[string]any) denial {
		return exchange(section, name, func(t *testing.T, c *Clouds) login {
			var list []any
			if b := binding(t, c); b != nil {
				list = append(list, b)
			}
			c.Call(t, "POST", accountPath(c)+":setIamPolicy", map[string]any{"policy": map[string]any{"version": 3, "bindings": list}}, nil)
			return login{}
		}, 403, "PERMISSION_DENIED", noGetToken, iamErrors)
	}
	const user = "roles/iam.workloadIdentityUser"
	member := func(role, member string) map[string]any {
		return map[string]any{"role": role, "members": []string{member}}
	}
	right := func(c *Clouds) string { return c.PrincipalSet(c.Names.AssumedRole()) }
	return []denial{
		row("none", func(*testing.T, *Clouds) map[string]any { return nil }),
		row("of another role", func(_ *testing.T, c *Clouds) map[string]any {
			return member(user, c.PrincipalSet(strings.Replace(c.Names.AssumedRole(), c.Names.Role, c.named("other-role"), 1)))
		}),
		row("of a role that begins with this one's name", func(_ *testing.T, c *Clouds) map[string]any { return member(user, right(c)+"-evil") }),
		row("of a role that this one's name begins with", func(_ *testing.T, c *Clouds) map[string]any {
			return member(user, right(c)[:len(right(c))-len("-role")])
		}),
		row("of another pool", func(t *testing.T, c *Clouds) map[string]any {
			c.Call(t, "POST", "/v1/projects/"+c.Names.Project+"/locations/global/workloadIdentityPools?workloadIdentityPoolId="+c.named("other-pool"), map[string]any{}, nil)
			return member(user, strings.Replace(right(c), "Pools/"+c.Names.Pool, "Pools/"+c.named("other-pool"), 1))
		}),
		row("of another project's number", func(_ *testing.T, c *Clouds) map[string]any {
			return member(user, strings.Replace(right(c), c.Names.ProjectNumber, "123", 1))
		}),
		row("of another attribute", func(_ *testing.T, c *Clouds) map[string]any {
			return member(user, strings.Replace(right(c), "attribute.aws_role", "attribute.role", 1))
		}),
		row("of another session's subject", func(_ *testing.T, c *Clouds) map[string]any {
			set := strings.Replace(right(c), "principalSet:", "principal:", 1)
			return member(user, set[:strings.Index(set, "/attribute.")]+"/subject/"+c.Names.AssumedRole()+"/other-function")
		}),
		row("of the wrong role", func(_ *testing.T, c *Clouds) map[string]any {
			return member("roles/iam.serviceAccountUser", right(c))
		}),
		row("under a condition that is false", func(_ *testing.T, c *Clouds) map[string]any {
			b := member(user, right(c))
			b["condition"] = map[string]any{"title": "past", "expression": "request.time < timestamp('2020-01-01T00:00:00Z')"}
			return b
		}),
	}
}
