// Package unmodelled words the refusal of what the real clouds have and the local
// ones do not. It names the local cloud, so that the refusal does not read
// like a mistake in the request.
package unmodelled

import "strings"

// AWS says that the local AWS does not model something: a property of a type, an
// operation, a parameter.
func AWS(kind, name string) string { return "the local AWS does not model the " + kind + " " + name }

// Google says the same of the local Google Cloud.
func Google(kind, name string) string {
	return "the local Google Cloud does not model the " + kind + " " + name
}

// Sentence makes a sentence of it.
func Sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }
