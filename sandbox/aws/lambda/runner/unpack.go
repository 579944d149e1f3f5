package runner

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrTooLarge says that a package exceeds MaxUnzipped.
var ErrTooLarge = errors.New("unzipped size must be smaller than 262144000 bytes")

// Check reads the table of a deployment package: its size, and that no name
// points outside the task root.
func Check(archive []byte) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("reading deployment package: %w", err)
	}
	var size uint64
	for _, f := range z.File {
		if !filepath.IsLocal(filepath.FromSlash(strings.TrimSuffix(f.Name, "/"))) {
			return fmt.Errorf("reading deployment package: %q points outside it", f.Name)
		}
		if size += f.UncompressedSize64; size > MaxUnzipped {
			return ErrTooLarge
		}
	}
	return nil
}

// Unpack writes a deployment package into dir, keeping modes: an executable that
// was packed without its bit must fail here as it would on Lambda. Everything
// goes through an os.Root, so that links cannot lead out either.
func Unpack(archive []byte, dir string) error {
	if err := Check(archive); err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("reading deployment package: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening task root: %w", err)
	}
	defer root.Close()
	left := int64(MaxUnzipped)
	for _, f := range z.File {
		n, err := unpackFile(root, f, left)
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", f.Name, err)
		}
		left -= n
	}
	return nil
}

func unpackFile(root *os.Root, f *zip.File, left int64) (int64, error) {
	name := path.Clean(f.Name)
	if f.FileInfo().IsDir() {
		return 0, root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return 0, err
	}
	in, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	// One byte more than is left shows a table that lied about the size.
	limited := io.LimitReader(in, left+1)
	if f.Mode()&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(limited)
		if err != nil {
			return 0, err
		}
		if !filepath.IsLocal(path.Join(path.Dir(name), string(target))) || path.IsAbs(string(target)) {
			return 0, fmt.Errorf("its target %q points outside the package", target)
		}
		return int64(len(target)), root.Symlink(string(target), name)
	}
	if !f.Mode().IsRegular() {
		return 0, fmt.Errorf("mode %v is not that of a file, folder or link", f.Mode())
	}
	// A process that is forked while the file is open for writing holds it open
	// until it executes its own program, and for so long the kernel refuses to
	// execute this one: "text file busy". No fork begins under this lock.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	// The owner keeps the right to read and write, to be able to remove it again.
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode().Perm()|0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, limited)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil && n > left {
		err = ErrTooLarge
	}
	return n, err
}
