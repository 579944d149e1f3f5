package engine

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// Lock is the lock of a Pulumi stack whose state a file, an S3 or a Cloud Storage
// backend holds.
type Lock struct {
	User, Host string
	PID        int
	Since      time.Time
}

// LockedError says that somebody is changing the stack.
type LockedError struct {
	Lock Lock
	Err  error
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("the state is locked: %s@%s (process %d) has been changing it since %s", e.Lock.User, e.Lock.Host, e.Lock.PID, e.Lock.Since.Format(time.DateTime))
}

func (e *LockedError) Unwrap() error { return e.Err }

// lockPattern is how Pulumi names the holder of a lock.
var lockPattern = regexp.MustCompile(`created by (.+)@(.+) \(pid (\d+)\) at (\S+)`)

// Locked finds out whether a command failed because of a lock, and returns it then.
func Locked(err error) (*LockedError, bool) {
	found := lockPattern.FindStringSubmatch(Printed(err))
	if found == nil {
		return nil, false
	}
	pid, bad := strconv.Atoi(found[3])
	since, worse := time.Parse(time.RFC3339, found[4])
	if errors.Join(bad, worse) != nil {
		return nil, false
	}
	return &LockedError{Lock{found[1], found[2], pid, since}, err}, true
}

// Abandoned tells whether the holder was a process of this machine that is no
// more.
func (l Lock) Abandoned() bool {
	return l.Here() && !Alive(l.PID)
}

// Here tells whether the holder is or was a process of this machine.
func (l Lock) Here() bool {
	host, err := os.Hostname()
	return err == nil && host == l.Host
}

// Alive tells whether a process exists and has not ended.
func Alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return (err == nil || errors.Is(err, syscall.EPERM)) && !ended(pid)
}
