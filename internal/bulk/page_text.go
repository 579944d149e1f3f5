package bulk

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// piece is a part of a text: as it is, or written out because it cannot be seen.
type piece struct {
	Text string
	Code bool
}

// legible returns a text so that it looks like nothing else: controls, marks of direction,
// characters without width, spaces other than the usual one, and bytes that are not UTF-8
// are written out.
func legible(text string) (pieces []piece) {
	add := func(s string, code bool) {
		if n := len(pieces); n > 0 && pieces[n-1].Code == code {
			pieces[n-1].Text += s
			return
		}
		pieces = append(pieces, piece{s, code})
	}
	start := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		broken := r == utf8.RuneError && size == 1
		if broken || r != ' ' && (!unicode.IsGraphic(r) || unicode.In(r, unicode.Zs, unicode.Variation_Selector)) {
			if i > start {
				add(text[start:i], false)
			}
			switch {
			case broken:
				add(fmt.Sprintf(`\x%02x`, text[i]), true)
			case r < 0x100:
				add(fmt.Sprintf(`\x%02x`, r), true)
			default:
				add(fmt.Sprintf(`\u{%x}`, r), true)
			}
			start = i + size
		}
		i += size
	}
	if start < len(text) {
		add(text[start:], false)
	}
	return pieces
}

// formatCount writes a number with commas.
func formatCount(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// formatAmount writes a number with three digits, or all of those before its point; whole
// numbers without one.
func formatAmount(f float64) string {
	switch {
	case f < 0:
		return "−" + formatAmount(-f)
	case f >= 100, f == math.Trunc(f):
		return formatCount(int64(math.Round(f)))
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case f >= 0.1:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f >= 0.0001:
		return strconv.FormatFloat(f, 'f', 4, 64)
	}
	return "< 0.0001"
}

// formatBytes writes a number of bytes in binary units.
func formatBytes(n int64) string {
	if n > -1024 && n < 1024 {
		return formatCount(n) + " B"
	}
	f, unit := float64(n)/1024, 0
	for math.Abs(f) >= 1024 && unit < 4 {
		f, unit = f/1024, unit+1
	}
	return formatAmount(f) + " " + []string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// formatUSD writes an amount of money in cents.
func formatUSD(f float64) string {
	if f > 0 && f < 0.005 {
		return "< $0.01"
	}
	whole, cents, _ := strings.Cut(strconv.FormatFloat(f, 'f', 2, 64), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return "$" + whole + "." + cents
	}
	return "$" + formatCount(n) + "." + cents
}

// formatPercent writes a part of a whole. What is not all is never 100 %.
func formatPercent(f float64) string {
	switch p := f * 100; {
	case p == 0 || p == 100:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	case p < 0.1:
		return "< 0.1 %"
	default:
		return strconv.FormatFloat(min(p, 99.9), 'f', 1, 64) + " %"
	}
}

// formatDuration writes a duration with its two largest units.
func formatDuration(d time.Duration) string {
	d = d.Round(time.Second)
	day, h, m, s := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case day > 0:
		return fmt.Sprintf("%d d %d h", day, h)
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}
