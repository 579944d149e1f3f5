package clouds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// MaxBundle is the largest deployment package that is downloaded, in bytes: Lambda Developer
// Guide, "Lambda quotas", for the unpacked size.
const MaxBundle = 250 << 20

// Bundle fetches the deployment package of a function, a zip. Lambda gives its address,
// which needs no other credentials: Lambda API Reference, "FunctionCodeLocation".
func Bundle(ctx context.Context, client *http.Client, function *lambda.GetFunctionOutput) ([]byte, error) {
	if function.Code == nil || aws.ToString(function.Code.Location) == "" {
		return nil, errors.New("no location of the function's bundle in Lambda's answer")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *function.Code.Location, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching the bundle: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the bundle: %s", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, MaxBundle))
	if err != nil {
		return nil, fmt.Errorf("fetching the bundle: %w", err)
	}
	return data, nil
}
