package rehearsal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// nowhere is a loopback port on which nothing listens: children's requests to the
// internet end here.
const nowhere = "http://127.0.0.1:1"

// passphrase protects the secrets of a Pulumi stack that has none.
const passphrase = "sandbox"

// writeEnvironment writes the sandbox's environment file into the project's root,
// where cdk and pulumi look for it. Concurrent sandboxes have environments
// sandbox, sandbox-2 and so on.
func (s *Stand) writeEnvironment(settings map[string]string) (environment.Environment, error) {
	for n := 1; ; n++ {
		name := "sandbox"
		if n > 1 {
			name = fmt.Sprintf("sandbox-%d", n)
		}
		path := filepath.Join(s.root, environment.FileName(name))
		if orphaned(path) {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return environment.Environment{}, err
			}
		}
		env, err := s.Add(name, settings)
		if !errors.Is(err, fs.ErrExist) {
			return env, err
		}
	}
}

// Add writes the file of an environment in these clouds; it is removed with them.
// An existing file is an fs.ErrExist.
func (s *Stand) Add(name string, settings map[string]string) (environment.Environment, error) {
	arch, err := architecture()
	if err != nil {
		return environment.Environment{}, err
	}
	google := s.Sandbox.GoogleURL
	all := maps.Clone(settings)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, map[string]string{
		"awsAccount": sandbox.Account, "awsRegion": sandbox.Region, "googleProject": sandbox.Project,
		"architecture": string(arch), "timeoutSeconds": "60",
		"googleTokenURL": google + "/v1/token", "iamCredentialsEndpoint": google, "storageEndpoint": google, "pubsubEndpoint": google, "allowLoopbackEndpoints": "true",
	})
	var content strings.Builder
	fmt.Fprintf(&content, "%s\nconfig:\n", fmt.Sprintf(firstLine, os.Getpid()))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&content, "  %s:%s: %q\n", environment.Namespace, key, all[key])
	}
	content.WriteString(Endpoints(google))

	path := filepath.Join(s.root, environment.FileName(name))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return environment.Environment{}, fmt.Errorf("writing the sandbox's environment: %w", err)
	}
	_, err = file.WriteString(content.String())
	if err = errors.Join(err, file.Close()); err == nil {
		var env environment.Environment
		if env, err = environment.Load(s.root, name); err == nil {
			s.written = append(s.written, env)
			return env, nil
		}
	}
	return environment.Environment{}, errors.Join(fmt.Errorf("writing the sandbox's environment: %w", err), os.Remove(path))
}

// Endpoints are the entries of an environment's file that send Pulumi's plugin, and the
// command line, to a local Google Cloud.
func Endpoints(google string) string {
	var out strings.Builder
	// The plugin's clients of google.golang.org/api add the version themselves, and the
	// plugin takes it off an endpoint only where that is https: hashicorp/terraform-provider-google,
	// issue 26600. Pools and providers are asked for by URLs that it builds itself.
	for _, endpoint := range [][2]string{
		{"iam", "/"}, {"iamBeta", "/v1/"}, {"resourceManager", "/"}, {"serviceUsage", "/"}, {"storage", "/storage/v1/"}, {"pubsub", "/v1/"}, {"orgPolicy", "/v2/"},
	} {
		fmt.Fprintf(&out, "  gcp:%sCustomEndpoint: %s%s\n", endpoint[0], google, endpoint[1])
	}
	return out.String()
}

// firstLine identifies the process that owns an environment file.
const firstLine = "# The environment of a running sandbox (process %d); it is removed with it."

// orphaned reports whether an environment file belongs to a sandbox
// whose process has ended.
func orphaned(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var pid int
	if _, err := fmt.Sscanf(string(data), firstLine, &pid); err != nil {
		return false
	}
	return !engine.Alive(pid)
}

// environ returns the variables that point the tools of both clouds at the sandbox.
func environ(s *Stand, t toolchain.Set) []string {
	admin := s.Sandbox.AWS.Admin()
	google := s.Sandbox.GoogleURL
	none := filepath.Join(s.Dir, "none") // a file that does not exist
	return []string{
		"AWS_ENDPOINT_URL=" + s.Sandbox.AWSURL,
		"AWS_ACCESS_KEY_ID=" + admin.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + admin.SecretAccessKey,
		"AWS_REGION=" + sandbox.Region,
		"AWS_DEFAULT_REGION=" + sandbox.Region,
		"AWS_CONFIG_FILE=" + none,
		"AWS_SHARED_CREDENTIALS_FILE=" + none,
		"AWS_EC2_METADATA_DISABLED=true",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"CDK_NOTICES=false",
		// Node.js versions past their end of life on which the CDK still works.
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20,22",

		"PULUMI_HOME=" + filepath.Join(s.Dir, "pulumi"),
		"PULUMI_BACKEND_URL=file://" + filepath.Join(s.Dir, "state") + "?metadata=skip", // as in Pulumi.yaml
		"PULUMI_CONFIG_PASSPHRASE=" + passphrase,
		"PULUMI_STACK=" + s.Env.Name,
		"PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"GOOGLE_OAUTH_ACCESS_TOKEN=" + s.Sandbox.Google.AdminToken(),

		"CLOUDSDK_CONFIG=" + filepath.Join(s.Dir, "gcloud"),
		"CLOUDSDK_CORE_PROJECT=" + sandbox.Project,
		"CLOUDSDK_CORE_DISABLE_PROMPTS=true",
		"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + filepath.Join(s.Dir, "google-token"),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM=" + google + "/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS=" + google + "/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER=" + google + "/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE=" + google + "/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=" + google + "/storage/v1/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=" + google + "/",

		"HTTP_PROXY=" + nowhere,
		"HTTPS_PROXY=" + nowhere,
		"http_proxy=" + nowhere,
		"https_proxy=" + nowhere,
		"NO_PROXY=127.0.0.1,localhost",
		"no_proxy=127.0.0.1,localhost",
		"PATH=" + t.Path(os.Getenv("PATH")),
	}
}

// foreign are variables of a person's shell that would lead away from the sandbox.
var foreign = []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "CLOUDSDK_ACTIVE_CONFIG_NAME", "GOOGLE_APPLICATION_CREDENTIALS"}

// Shell returns a script for a shell to source, after which its aws, cdk, pulumi
// and gcloud use the sandbox.
func (s *Stand) Shell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "unset %s\n", strings.Join(foreign, " "))
	for _, pair := range s.Environ {
		name, value, _ := strings.Cut(pair, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}

// ChildEnviron returns the environment of a command that uses these clouds.
func (s *Stand) ChildEnviron() []string { return childEnviron(s.Environ) }

// childEnviron returns the environment of a child: this process's own without any
// settings of either cloud, followed by the sandbox's.
func childEnviron(sandbox []string) []string {
	var out []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		clouds := false
		for _, prefix := range []string{"AWS_", "CDK_", "CLOUDSDK_", "GOOGLE_", "PULUMI_", "GCLOUD_", "GCP_"} {
			clouds = clouds || strings.HasPrefix(name, prefix)
		}
		if !clouds {
			out = append(out, pair)
		}
	}
	// Modules were fetched when the tools were prepared; none is fetched now.
	return append(append(out, "GOPROXY=off"), sandbox...)
}
