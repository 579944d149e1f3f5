package policy

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// condition is one key of one operator of a Condition element.
type condition struct {
	operator   operator
	name       string // as written, for messages
	key        string
	values     []string
	ifExists   bool
	forAll     bool // ForAllValues:
	forAny     bool // ForAnyValue:
	expectNull bool // the value of Null
}

// operator compares one value of the call with one of the policy.
type operator struct {
	negated bool
	null    bool
	text    bool // the policy's value may hold variables, which only strings and ARNs do
	equal   func(policy, call string) bool
	valid   func(policy string) bool // nil: any text
}

// number reads an integer or a decimal, without the further forms of Go.
func number(text string) (float64, bool) {
	if !numberRule.MatchString(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

var numberRule = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)

func numeric(compare func(policy, call float64) bool) operator {
	return operator{
		valid: func(p string) bool { _, ok := number(p); return ok },
		equal: func(p, c string) bool {
			pf, ok1 := number(p)
			cf, ok2 := number(c)
			return ok1 && ok2 && compare(pf, cf)
		},
	}
}

// date reads the W3C's profile of ISO 8601, but for a year alone, and seconds
// since 1970.
func date(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}

func dates(compare func(order int) bool) operator {
	return operator{
		valid: func(p string) bool { _, ok := date(p); return ok },
		equal: func(p, c string) bool {
			pt, ok1 := date(p)
			ct, ok2 := date(c)
			return ok1 && ok2 && compare(ct.Compare(pt))
		},
	}
}

func prefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func not(o operator) operator { o.negated = true; return o }

// operatorOf returns the operator of that name. See "IAM JSON policy elements:
// Condition operators".
func operatorOf(name string) (operator, bool) {
	stringEquals := operator{text: true, equal: func(p, c string) bool { return plain(p) == c }}
	ignoreCase := operator{text: true, equal: func(p, c string) bool { return strings.EqualFold(plain(p), c) }}
	like := operator{text: true, equal: wildcard}
	arn := operator{text: true, equal: arnLike}
	ip := operator{
		valid: func(p string) bool { _, ok := prefix(p); return ok },
		equal: func(p, c string) bool {
			net, ok := prefix(p)
			a, err := netip.ParseAddr(c)
			return ok && err == nil && net.Contains(a.Unmap())
		},
	}
	boolean := operator{equal: strings.EqualFold}
	equalNumbers := numeric(func(p, c float64) bool { return c == p })
	equalDates := dates(func(o int) bool { return o == 0 })
	o, ok := map[string]operator{
		"stringequals":              stringEquals,
		"stringnotequals":           not(stringEquals),
		"stringequalsignorecase":    ignoreCase,
		"stringnotequalsignorecase": not(ignoreCase),
		"stringlike":                like,
		"stringnotlike":             not(like),
		"arnequals":                 arn,
		"arnlike":                   arn,
		"arnnotequals":              not(arn),
		"arnnotlike":                not(arn),
		"numericequals":             equalNumbers,
		"numericnotequals":          not(equalNumbers),
		"numericlessthan":           numeric(func(p, c float64) bool { return c < p }),
		"numericlessthanequals":     numeric(func(p, c float64) bool { return c <= p }),
		"numericgreaterthan":        numeric(func(p, c float64) bool { return c > p }),
		"numericgreaterthanequals":  numeric(func(p, c float64) bool { return c >= p }),
		"dateequals":                equalDates,
		"datenotequals":             not(equalDates),
		"datelessthan":              dates(func(o int) bool { return o < 0 }),
		"datelessthanequals":        dates(func(o int) bool { return o <= 0 }),
		"dategreaterthan":           dates(func(o int) bool { return o > 0 }),
		"dategreaterthanequals":     dates(func(o int) bool { return o >= 0 }),
		"bool":                      boolean,
		"ipaddress":                 ip,
		"notipaddress":              not(ip),
		"null":                      {null: true, valid: func(p string) bool { return p == "true" || p == "false" }},
	}[strings.ToLower(name)]
	return o, ok
}

func parseCondition(name, key string, raw json.RawMessage) (condition, error) {
	c := condition{name: name, key: key}
	base := name
	if q, rest, ok := strings.Cut(name, ":"); ok {
		base = rest
		switch {
		case strings.EqualFold(q, "ForAllValues"):
			c.forAll = true
		case strings.EqualFold(q, "ForAnyValue"):
			c.forAny = true
		default:
			return c, malformed("Invalid Condition type : %s", name)
		}
	}
	if n := len(base) - len("IfExists"); n > 0 && strings.EqualFold(base[n:], "IfExists") {
		base, c.ifExists = base[:n], true
	}
	var ok bool
	if strings.EqualFold(base, "BinaryEquals") {
		return c, malformed("%s", unmodelled.Sentence(unmodelled.AWS("condition operator", base)))
	}
	if c.operator, ok = operatorOf(base); !ok || c.operator.null && (c.ifExists || c.forAll || c.forAny) {
		return c, malformed("Invalid Condition type : %s", name)
	}
	if !strings.Contains(key, ":") {
		return c, malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	}
	values, err := oneOrMany[any](raw)
	if err != nil || len(values) == 0 {
		return c, malformed("Syntax errors in policy.")
	}
	for _, v := range values {
		var text string
		switch v := v.(type) {
		case string:
			text = v
		case bool:
			text = strconv.FormatBool(v)
		case float64:
			text = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			return c, malformed("Syntax errors in policy.")
		}
		if c.operator.valid != nil && !c.operator.valid(text) {
			return c, malformed("Invalid value %q for condition type %s", text, name)
		}
		c.values = append(c.values, text)
	}
	c.expectNull = c.operator.null && c.values[0] == "true"
	return c, nil
}

// holds evaluates the condition for the call.
func (c *condition) holds(s *Statement, q *Request) bool {
	call := q.values(c.key)
	if c.operator.null {
		return (len(call) == 0) == c.expectNull
	}
	if c.forAll && len(call) == 1 && call[0] == "" {
		call = nil // "resolves to a null dataset, such as an empty string"
	}
	switch {
	case len(call) == 0:
		return c.ifExists || c.forAll || c.operator.negated && !c.forAny
	}
	var wanted []string
	for _, v := range c.values {
		if c.operator.text {
			expanded, ok := s.expand(v, q)
			if !ok {
				continue
			}
			v = expanded
		}
		wanted = append(wanted, v)
	}
	matches := func(value string) bool {
		for _, w := range wanted {
			if c.operator.equal(w, value) {
				return !c.operator.negated
			}
		}
		return c.operator.negated
	}
	// Of a key with several values and no qualifier, a negated operator has to
	// hold for all of them.
	all := c.forAll || c.operator.negated && !c.forAny
	for _, v := range call {
		if matches(v) != all {
			return !all
		}
	}
	return all
}
