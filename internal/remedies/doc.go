// Package remedies holds what commands and pages advise to what it does, by tests alone.
// Commands in advice stand in backquotes. A table names every piece of advice that has one;
// for each that mends something, a test provokes its cause in local clouds, shows what fails,
// runs the command as it was printed, and shows that the same thing succeeds. For all others
// the table says why nothing is run.
package remedies
