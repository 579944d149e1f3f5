// Package repository holds the repository to its own rules, by tests alone: what
// is documented, what depends on what, and what goes into the Lambda.
package repository
