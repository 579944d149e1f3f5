package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// canAsk returns an error if there is nobody to answer questions; its hint is to pass --yes, and
// what follows that.
func canAsk(cmd *cobra.Command, or string) error {
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return errors.New("cannot ask for confirmation: stdin is not a terminal; pass --yes" + or)
}

// confirm asks a question; only yes is yes. After any other answer it says that nothing
// was changed.
func confirm(cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	agreed := err == nil && (answer == "y" || answer == "yes")
	if !agreed {
		fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was changed.")
	}
	return agreed, err
}
