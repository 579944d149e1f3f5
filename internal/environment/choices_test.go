package environment

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

const (
	topic    = "arn:aws:sns:ap-northeast-1:123456789012:alerts"
	key      = "arn:aws:kms:ap-northeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	boundary = "arn:aws:iam::123456789012:policy/teams/boundary"
)

// manyRoles returns n roles, joined by commas.
func manyRoles(n int) string {
	var roles []string
	for i := range n {
		roles = append(roles, fmt.Sprintf("role-%d", i))
	}
	return strings.Join(roles, ",")
}

func manyTags(n int) string {
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf("key-%d=v", i))
	}
	return strings.Join(tags, ",")
}

// TestChoices checks the settings that are off by default against their rules,
// alone and with those that they require or exclude.
func TestChoices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings string // KEY=VALUE, joined by |
		field    string // of the problem; empty for valid values
		problem  string // a substring
	}{
		{"keyTemplate={date}/{directory}{stem}-{generation}{extension}", "", ""},
		{"keyTemplate={objekt}", "keyTemplate", "has the unknown placeholder {objekt}"},
		{"keyTemplate=copy.txt", "keyTemplate", "must give different objects different keys"},
		{"keyTemplate={object", "keyTemplate", "braces enclose placeholders"},
		{"keyTemplate=\xff{object}", "keyTemplate", "must be UTF-8"},
		{"keyTemplate={object}" + strings.Repeat("x", 1020), "object", "the key can have 1030 bytes"},
		{"keyTemplate={date}/{object}|object=" + strings.Repeat("o", 1014), "object", "the key can have 1025 bytes"},
		{"keyTemplate={name}|object=" + strings.Repeat("o", 900) + "/" + strings.Repeat("o", 100) + "|destinationPrefix=" + strings.Repeat("p", 924), "", ""},

		{"kmsKey=" + key, "", ""},
		{"kmsKey=arn:aws:kms:ap-northeast-1:999999999999:key/mrk-1234abcd12ab34cd56ef1234567890ab", "", ""},
		{"kmsKey=1234abcd-12ab-34cd-56ef-1234567890ab", "kmsKey", "must be the ARN of a KMS key"},
		{"kmsKey=arn:aws:kms:ap-northeast-1:123456789012:alias/data", "kmsKey", "not on aliases"},
		{"kmsKey=" + key + "|awsRegion=eu-central-1", "kmsKey", "must be a key in awsRegion, eu-central-1"},

		{"permissionsBoundary=" + boundary, "", ""},
		{"permissionsBoundary=arn:aws:iam::aws:policy/PowerUserAccess", "", ""},
		{"permissionsBoundary=boundary", "permissionsBoundary", "must be the ARN of an IAM policy"},
		{"permissionsBoundary=arn:aws:iam::123456789012:role/boundary", "permissionsBoundary", "must be the ARN of an IAM policy"},
		{"permissionsBoundary=arn:aws:iam::999999999999:policy/boundary", "permissionsBoundary", "must be a policy of awsAccount"},

		{"tags=team=data, cost-center = 42,部署=営業", "", ""},
		{"tags=" + manyTags(46), "", ""},
		{"tags=" + manyTags(47), "tags", "a resource can have 50"},
		{"tags=team", "tags", `"team" is not KEY=VALUE`},
		{"tags=team=data,", "tags", `"" is not KEY=VALUE`},
		{"tags=AWS:team=data", "tags", "reserved by AWS"},
		{"tags=gcs-to-s3:owner=me", "tags", "reserved for the environment's mark"},
		{"tags=team=data,Team=more", "tags", "differ only in case"},
		{"tags=team=a;b", "tags", "characters other than"},
		{"tags=" + strings.Repeat("k", 129) + "=v", "tags", "more than 128 characters"},
		{"tags=k=" + strings.Repeat("v", 257), "tags", "more than 256 characters"},

		{"directAccess=true", "", ""},
		{"directAccess=true|suffix=-of-a-very-long-name|pool=p-ool|provider=p-rovider", "", ""},
		{"directAccess=true|serviceAccount=my-account", "directAccess", "serviceAccount is set"},
		{"directAccess=true|tokenLifetimeSeconds=1800", "directAccess", "tokenLifetimeSeconds is set"},
		{"directAccess=maybe", "directAccess", "must be true or false"},

		{"trustedRoles=reader,210987654321:gcs-to-s3-role, 210987654321:other", "", ""},
		{"trustedRoles=" + manyRoles(20), "", ""},
		{"trustedRoles=" + manyRoles(21), "trustedRoles", "must name at most 20 roles"},
		{"trustedRoles=gcs-to-s3-role", "trustedRoles", "must not name the function's own role"},
		{"trustedRoles=123456789012:gcs-to-s3-role", "trustedRoles", "must not name the function's own role"},
		{"trustedRoles=a,123456789012:a", "trustedRoles", "a of account 123456789012 is listed twice"},
		{"trustedRoles=arn:aws:iam::210987654321:role/x", "trustedRoles", "do not give an ARN or a path"},
		{"trustedRoles=team/reader", "trustedRoles", "do not give an ARN or a path"},
		{"trustedRoles=a,,b", "trustedRoles", "the role must be 1 to 64"},
		{"trustedRoles=210987654321:a|provider=aws-210987654321", "", ""},
		{"trustedRoles=210987654321:a|provider=aws-connecting-1234-210987654321", "trustedRoles", "choose another provider"},

		{"schedule=rate(1 hour)", "", ""},
		{"schedule=cron(0/15 8-17 ? * MON-FRI *)|scheduleTimezone=Asia/Tokyo|scheduleEvent={\"prefix\":\"\"}", "", ""},
		{"schedule=at(2026-12-31T18:00:00)", "", ""},
		{"schedule=hourly", "schedule", "such as rate(1 hour)"},
		{"schedule=rate(0 hours)", "schedule", "must be empty, or a schedule"},
		{"schedule=rate(1 week)", "schedule", "must be empty, or a schedule"},
		{"schedule=cron(0 3 * * *)", "schedule", "this one has 5"},
		{"schedule=cron(0 3 * * * *)", "schedule", "exactly one of day and weekday must be ?"},
		{"schedule=cron(0 3 $ * ? *)", "schedule", `the field "$"`},
		{"schedule=at(2026-12-31)", "schedule", "use scheduleTimezone"},
		{"scheduleTimezone=Asia/Tokyo", "scheduleTimezone", "must be UTC without a schedule"},
		{"schedule=rate(1 day)|scheduleTimezone=Tokyo", "scheduleTimezone", "IANA database"},
		{"schedule=rate(1 day)|scheduleTimezone=Local", "scheduleTimezone", "IANA database"},
		{"scheduleEvent={\"object\":\"a\"}", "scheduleEvent", "must be {} without a schedule"},
		{"schedule=rate(1 day)|scheduleEvent=[]", "scheduleEvent", "the event must be a JSON object, and is a list"},
		// Case C23: these passed, and the first copied the default object every day.
		{"schedule=rate(1 day)|scheduleEvent={\"prefx\":\"reports/\"}", "scheduleEvent", "prefx: is not a field of an event"},
		{"schedule=rate(1 day)|scheduleEvent={\"prefix\":\"a/\",\"overwrite\":\"if-diferent\"}", "scheduleEvent", `overwrite: "if-diferent": must be one of`},
		{"schedule=rate(1 day)|scheduleEvent={\"prefix\":\"a\",\"objects\":[\"b\"]}", "scheduleEvent", "prefix: cannot be combined with objects"},
		{"schedule=rate(1 day)|scheduleEvent={\"generation\":5}", "scheduleEvent", "generation: is a generation of an object"},
		{"schedule=rate(1 day)|scheduleEvent={object}", "scheduleEvent", "the event must be a JSON object, and is not JSON"},
		{"schedule=rate(1 day)|scheduleEvent={\"object\":\"" + strings.Repeat("x", 256<<10) + "\"}", "scheduleEvent", "at most 262144 bytes"},

		{"asyncRetries=0", "", ""},
		{"asyncRetries=3", "asyncRetries", "must be from 0 to 2"},
		{"deadLetterQueue=true", "", ""},
		{"deadLetterQueue=on", "deadLetterQueue", "must be true or false"},
		{"alarms=true|alarmTopic=" + topic, "", ""},
		{"alarmTopic=" + topic, "alarmTopic", "must be empty if alarms is false"},
		{"alarms=true|alarmTopic=alerts", "alarmTopic", "must be the ARN of an SNS topic"},
		{"alarms=true|alarmTopic=" + topic + ".fifo", "alarmTopic", "alarms cannot notify FIFO topics"},
		{"alarms=true|awsRegion=eu-west-1|alarmTopic=" + topic, "alarmTopic", "must be a topic in awsRegion, eu-west-1"},
	} {
		t.Run(tt.settings[:min(len(tt.settings), 60)], func(t *testing.T) {
			t.Parallel()
			values := minimal()
			for setting := range strings.SplitSeq(tt.settings, "|") {
				k, v, _ := strings.Cut(setting, "=")
				values[k] = v
			}
			_, err := Parse("dev", values)
			if tt.field == "" {
				if err != nil {
					t.Errorf("Parse() = %v, want no error", err)
				}
				return
			}
			var problems *Problems
			if !errors.As(err, &problems) || len(problems.List) != 1 {
				t.Fatalf("Parse() = %v, want exactly one problem", err)
			}
			p := problems.List[0]
			if p.Field != tt.field || !strings.Contains(p.String(), tt.problem) || p.Rule == "" || p.Hint == "" {
				t.Errorf("problem = %+v, want field %q, a rule, a hint, and %q", p, tt.field, tt.problem)
			}
		})
	}
}

func TestTrustedRolesAndTheirProviders(t *testing.T) {
	t.Parallel()
	values := minimal()
	values["trustedRoles"] = "reader, 210987654321:theirs"
	values["provider"] = "a-provider-of-thirty-two-letters"
	env, err := Parse("dev", values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]AWSRole{{"123456789012", "reader"}, {"210987654321", "theirs"}}, env.Trusted()); diff != "" {
		t.Errorf("trusted roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a-provider-of-thirty-two-letters", "a-provider-of-thirt-210987654321"}, env.Providers()); diff != "" {
		t.Errorf("providers (-want +got):\n%s", diff)
	}
	if got, want := env.ProviderOf("123456789012"), "a-provider-of-thirty-two-letters"; got != want {
		t.Errorf("the own provider is %q, want %q", got, want)
	}
	if got, want := env.ProviderOf("210987654321"), "a-provider-of-thirt-210987654321"; got != want || len(got) > names.MaxPool {
		t.Errorf("the other provider is %q, want %q", got, want)
	}
}

func TestTagsStandBesideTheMark(t *testing.T) {
	t.Parallel()
	values := minimal()
	values["tags"], values["owner"] = "team=data, path=a=b", "alice"
	env, err := Parse("dev", values)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"team": "data", "path": "a=b", TagEnvironment: "dev", TagID: env.ID(), TagOwner: "alice"}
	if diff := cmp.Diff(want, env.AWSTags()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}
