// Command rclone is rclone with only the two backends and two commands that
// the benchmark needs. It is a separate module to keep its many dependencies
// out of the others.
package main

import (
	_ "github.com/rclone/rclone/backend/googlecloudstorage"
	_ "github.com/rclone/rclone/backend/s3"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/copy"
	_ "github.com/rclone/rclone/cmd/copyto"
)

func main() { cmd.Main() }
