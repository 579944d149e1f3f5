#!/bin/sh
# Measures the function against its floor and against rclone, which is built when
# that is possible, and prints a table. Arguments are passed on to the test:
#   tools/benchmark.sh -rounds 5
set -eu
cd "$(dirname "$0")/.."
mkdir -p out
rclone="$PWD/out/rclone"
if ! [ -x "$rclone" ] && ! (cd tools/rclone && go build -trimpath -ldflags '-s -w' -o "$rclone" .); then
	echo "rclone could not be built; measuring without it" >&2
	rclone=
fi
exec go test -run '^$' -bench . -benchtime 1x -timeout 60m ./internal/benchmark -rclone "$rclone" "$@"
