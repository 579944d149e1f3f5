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

// Lock is the lock of a Pulumi stack whose state is in a file, S3 or Cloud
// Storage backend.
type Lock struct {
	User, Host string
	PID        int
	Since      time.Time
}

// LockedError reports that someone else is changing the stack.
type LockedError struct {
	Lock Lock
	Err  error
}

func (e *LockedError) Error() string {
	return fmt.Sprintf(
		"the state is locked: %s@%s (process %d) has been changing it since %s, for %s",
		e.Lock.User,
		e.Lock.Host,
		e.Lock.PID,
		e.Lock.Since.Format(time.DateTime),
		e.Lock.Age(),
	)
}

func (e *LockedError) Unwrap() error { return e.Err }

// lockPattern matches Pulumi's description of a lock's holder.
var lockPattern = regexp.MustCompile(`created by (.+)@(.+) \(pid (\d+)\) at (\S+)`)

// Locked reports whether a command failed because of a lock, and returns the lock.
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

// Age is how old the lock is, in whole minutes.
func (l Lock) Age() time.Duration { return time.Since(l.Since).Truncate(time.Minute) }

// Abandoned reports whether the holder was a process on this machine that has ended.
func (l Lock) Abandoned() bool {
	return l.Here() && !Alive(l.PID)
}

// Here reports whether the holder is or was a process on this machine.
func (l Lock) Here() bool {
	host, err := os.Hostname()
	return err == nil && host == l.Host
}

// Alive reports whether a process exists and has not ended.
func Alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return (err == nil || errors.Is(err, syscall.EPERM)) && !ended(pid)
}
