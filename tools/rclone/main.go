// Command rclone is rclone with the two backends and two commands that the
// benchmark needs. It is a module of its own: its many dependencies are nobody
// else's.
package main

import (
	_ "github.com/rclone/rclone/backend/googlecloudstorage"
	_ "github.com/rclone/rclone/backend/s3"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/copy"
	_ "github.com/rclone/rclone/cmd/copyto"
)

func main() { cmd.Main() }
