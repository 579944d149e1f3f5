package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

const basicExecution = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

func TestLogDelivery(t *testing.T) {
	tests := []struct {
		name  string
		right bool
		group string // as configured
		want  []string
	}{
		{"with the right", true, "", []string{"START", "hello\n", "END", "REPORT"}},
		{"with a group of its own", true, "/mine", []string{"START", "hello\n", "END", "REPORT"}},
		{"without the right", false, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			if tt.right {
				if _, err := c.iam.AttachRolePolicy(c.ctx, &iam.AttachRolePolicyInput{RoleName: text("function"), PolicyArn: text(basicExecution)}); err != nil {
					t.Fatal(err)
				}
			}
			group := "/aws/lambda/f"
			c.create("f", func(in *sdk.CreateFunctionInput) {
				if tt.group != "" {
					group = tt.group
					in.LoggingConfig = &types.LoggingConfig{LogGroup: &tt.group}
				}
			})
			if failed, log := c.invoke("f", `{"Do":"log","Text":"hello"}`, nil); failed != "" {
				t.Fatalf("got %s:\n%s", failed, log)
			}
			logs := cloudwatchlogs.NewFromConfig(c.config)
			out, err := logs.FilterLogEvents(c.ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
			var got []string
			if err == nil {
				for _, e := range out.Events {
					word, _, cut := strings.Cut(*e.Message, " ")
					if !cut {
						word = *e.Message
					}
					got = append(got, word)
				}
			} else if tt.right {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("log events (-want +got):\n%s", diff)
			}
			writer, refused := "", false
			for _, e := range c.journal.Entries() {
				if e.Service == "logs" && e.Operation == "CreateLogStream" {
					writer, refused = e.Principal, e.Code == "AccessDeniedException"
				}
			}
			if want := "arn:aws:sts::123456789012:assumed-role/function/f"; writer != want || refused == tt.right {
				t.Errorf("logs were written by %s, refused %t; want %s, %t", writer, refused, want, !tt.right)
			}
		})
	}
}
