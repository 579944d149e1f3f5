package api

import "strconv"

// Pages are how a service cuts lists into pages.
type Pages struct {
	Size     int               // of a page that asks for none
	Most     int               // the largest that may be asked for
	BadSize  func(n int) error // refuses a size below 1 or above Most
	BadToken func() error      // refuses a token that this service did not give out
}

// Page cuts the page out of items that begins at a token, which is the index of its
// first item. next is empty on the last page.
func Page[T any](p Pages, items []T, size *int, token string) (page []T, next string, err error) {
	n, from := p.Size, 0
	if size != nil {
		if n = *size; n < 1 || n > p.Most {
			return nil, "", p.BadSize(n)
		}
	}
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 || from > len(items) {
			return nil, "", p.BadToken()
		}
	}
	if end := from + n; end < len(items) {
		return items[from:end], strconv.Itoa(end), nil
	}
	return items[from:], "", nil
}
