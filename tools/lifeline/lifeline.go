// Package lifeline ends a plugin when the engine that started it ends, so that a
// killed engine leaves no plugin behind.
package lifeline

import (
	"os"
	"time"
)

// between is how often the parent is checked.
const between = time.Second

// Hold ends this process when its parent has ended. It does not return.
func Hold() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(between)
	}
	os.Exit(1)
}
