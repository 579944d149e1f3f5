// Command go-stand-in is a Pulumi language host that stands in for pulumi-language-go
// where that is unavailable: it compiles the Go program named in Pulumi.yaml and runs
// it under the engine. It does only what `pulumi preview`, `up`, `refresh` and
// `destroy` need; code generation, packaging and debugging are left to the real one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/gcs-to-s3/gcs-to-s3/tools/lifeline"
)

func main() {
	flag.String("tracing", "", "accepted, as every language host is given it")
	flag.Parse()
	go lifeline.Hold()
	if err := serve(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// serve serves the engine at the given address until the engine ends.
func serve(engine string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan bool)
	go func() {
		<-ctx.Done()
		close(stop)
	}()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, healthInterval, cancel); err != nil {
			return fmt.Errorf("watching the engine: %w", err)
		}
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(s *grpc.Server) error {
			rpc.RegisterLanguageRuntimeServer(s, &host{engine: engine})
			return nil
		},
		Options: rpcutil.OpenTracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port) // tells the engine where to find this process
	return <-handle.Done
}

// healthInterval is how often the engine is checked.
const healthInterval = 5 * time.Minute

type host struct {
	rpc.UnimplementedLanguageRuntimeServer
	engine string
}

// GetRequiredPackages returns none: resources name the plugin's version themselves.
func (*host) GetRequiredPackages(context.Context, *rpc.GetRequiredPackagesRequest) (*rpc.GetRequiredPackagesResponse, error) {
	return &rpc.GetRequiredPackagesResponse{}, nil
}

// GetRequiredPlugins is the older form of GetRequiredPackages.
func (*host) GetRequiredPlugins(context.Context, *rpc.GetRequiredPluginsRequest) (*rpc.GetRequiredPluginsResponse, error) {
	return &rpc.GetRequiredPluginsResponse{}, nil
}

// GetPluginInfo returns a placeholder version, since a stand-in has none.
func (*host) GetPluginInfo(context.Context, *emptypb.Empty) (*rpc.PluginInfo, error) {
	return &rpc.PluginInfo{Version: "0.0.0-stand-in"}, nil
}

// InstallDependencies has nothing to do: the go command fetches modules itself.
func (*host) InstallDependencies(*rpc.InstallDependenciesRequest, grpc.ServerStreamingServer[rpc.InstallDependenciesResponse]) error {
	return nil
}

// Run compiles the program and runs it. A failing program has already written its
// error to standard error, so the engine is told to add nothing.
func (h *host) Run(ctx context.Context, r *rpc.RunRequest) (*rpc.RunResponse, error) {
	dir, err := os.MkdirTemp("", "pulumi-go-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "program")
	// Unlike `go build`, `go run` caches linked programs.
	build := exec.CommandContext(ctx, "go", "run", "-exec", "cp", ".", binary)
	build.Dir = r.GetInfo().GetProgramDirectory()
	if out, err := build.CombinedOutput(); err != nil {
		return &rpc.RunResponse{Error: fmt.Sprintf("compiling the program: %v\n%s", err, out)}, nil
	}
	env, err := h.environ(r)
	if err != nil {
		return nil, err
	}
	program := exec.CommandContext(ctx, binary, r.GetArgs()...)
	program.Dir, program.Env = r.GetPwd(), env
	program.Stdout, program.Stderr = os.Stdout, os.Stderr
	err = program.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return &rpc.RunResponse{Error: fmt.Sprintf("the program ended with code %d", exit.ExitCode()), Bail: true}, nil
	case err != nil:
		return nil, err
	}
	return &rpc.RunResponse{}, nil
}

// environ returns the variables through which a program finds the
// engine and its stack.
func (h *host) environ(r *rpc.RunRequest) ([]string, error) {
	config, err := json.Marshal(r.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(r.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	env := os.Environ()
	for name, value := range map[string]string{
		pulumi.EnvOrganization:        r.GetOrganization(),
		pulumi.EnvProject:             r.GetProject(),
		pulumi.EnvStack:               r.GetStack(),
		pulumi.EnvPulumiRootDirectory: r.GetInfo().GetRootDirectory(),
		pulumi.EnvConfig:              string(config),
		pulumi.EnvConfigSecretKeys:    string(secrets),
		pulumi.EnvDryRun:              strconv.FormatBool(r.GetDryRun()),
		pulumi.EnvParallel:            strconv.Itoa(int(r.GetParallel())),
		pulumi.EnvMonitor:             r.GetMonitorAddress(),
		pulumi.EnvEngine:              h.engine,
	} {
		env = append(env, name+"="+value)
	}
	return env, nil
}
