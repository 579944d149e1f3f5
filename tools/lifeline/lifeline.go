// Package lifeline ends a plugin with the engine that started it, so that an engine
// which was killed leaves no plugin behind.
package lifeline

import (
	"os"
	"time"
)

// between is how often the parent is looked for.
const between = time.Second

// Hold ends this process when its parent is no more. It does not return.
func Hold() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(between)
	}
	os.Exit(1)
}
