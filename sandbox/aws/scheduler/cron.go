package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is an expression of minutes, hours, day of the month, month, day of the
// week and year; see "Cron-based schedules".
type cron struct {
	minutes, hours, months, years values
	days, weekdays                values    // nil where the other decides
	special                       []dayTest // L, W and # of the field that decides
}

type values map[int]bool

// dayTest reports whether a day is one that a special value means.
type dayTest func(time.Time) bool

const firstYear, lastYear = 1970, 2199

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func parseCron(text string) (*cron, error) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return nil, fmt.Errorf("%d fields, want six", len(fields))
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return nil, fmt.Errorf("exactly one of day and weekday must be ?")
	}
	c := &cron{}
	for _, f := range []struct {
		to        *values
		text      string
		low, high int
		names     []string
	}{
		{&c.minutes, fields[0], 0, 59, nil}, {&c.hours, fields[1], 0, 23, nil}, {&c.days, fields[2], 1, 31, nil},
		{&c.months, fields[3], 1, 12, monthNames}, {&c.weekdays, fields[4], 1, 7, weekdayNames}, {&c.years, fields[5], firstYear, lastYear, nil},
	} {
		if f.text == "?" && (f.to == &c.days || f.to == &c.weekdays) {
			continue
		}
		*f.to = values{}
		for item := range strings.SplitSeq(f.text, ",") {
			test, err := c.specialDay(f.to, item)
			if err != nil {
				return nil, err
			}
			if test != nil {
				c.special = append(c.special, test)
				continue
			}
			if err := f.to.add(item, f.low, f.high, f.names); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// add adds an item of a field: a value, a range, or either with steps.
func (v values) add(item string, low, high int, names []string) error {
	span, step, stepped := strings.Cut(item, "/")
	by := 1
	if stepped {
		var err error
		if by, err = strconv.Atoi(step); err != nil || by < 1 {
			return fmt.Errorf("%q is not a step", step)
		}
	}
	number := func(text string) (int, error) {
		if i := slices.Index(names, strings.ToUpper(text)); i >= 0 {
			return i + 1, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("%q is not from %d to %d", text, low, high)
		}
		return n, nil
	}
	from, to := low, high
	if first, last, ranged := strings.Cut(span, "-"); span != "*" {
		var err error
		if from, err = number(first); err != nil {
			return err
		}
		if to = from; stepped {
			to = high
		}
		if ranged {
			if to, err = number(last); err != nil {
				return err
			}
		}
	}
	if to < from {
		return fmt.Errorf("%q is a descending range", item)
	}
	for n := from; n <= to; n += by {
		v[n] = true
	}
	return nil
}

// specialDay reads L and W of the month's days, and L and # of the week's.
func (c *cron) specialDay(field *values, item string) (dayTest, error) {
	last := func(t time.Time) int { return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() }
	switch {
	case field == &c.days && item == "L":
		return func(t time.Time) bool { return t.Day() == last(t) }, nil
	case field == &c.days && strings.HasSuffix(item, "W"):
		day, err := strconv.Atoi(strings.TrimSuffix(item, "W"))
		if err != nil || day < 1 || day > 31 {
			return nil, fmt.Errorf("%q is not a weekday nearest to a day", item)
		}
		return func(t time.Time) bool { return t.Day() == nearestWeekday(t, min(day, last(t)), last(t)) }, nil
	case field == &c.weekdays && item == "L":
		return func(t time.Time) bool { return t.Weekday() == time.Saturday }, nil
	case field == &c.weekdays && strings.HasSuffix(item, "L"):
		v := values{}
		if err := v.add(strings.TrimSuffix(item, "L"), 1, 7, weekdayNames); err != nil {
			return nil, err
		}
		return func(t time.Time) bool { return v[int(t.Weekday())+1] && t.Day()+7 > last(t) }, nil
	case field == &c.weekdays && strings.Contains(item, "#"):
		day, nth, _ := strings.Cut(item, "#")
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > 5 {
			return nil, fmt.Errorf("%q is not a week of a month", nth)
		}
		v := values{}
		if err := v.add(day, 1, 7, weekdayNames); err != nil {
			return nil, err
		}
		return func(t time.Time) bool { return v[int(t.Weekday())+1] && (t.Day()-1)/7+1 == n }, nil
	}
	return nil, nil
}

// nearestWeekday is the day from Monday to Friday that is nearest to a day of t's
// month and in that month.
func nearestWeekday(t time.Time, day, last int) int {
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == last {
			return day - 2
		}
		return day + 1
	}
	return day
}

func (c *cron) onDay(t time.Time) bool {
	if !c.years[t.Year()] || !c.months[int(t.Month())] {
		return false
	}
	for _, test := range c.special {
		if test(t) {
			return true
		}
	}
	return c.days[t.Day()] || c.weekdays[int(t.Weekday())+1]
}

// next is the first time after t, in t's time zone. A time that a day does not
// have, since its clocks are put forward, is left out.
func (c *cron) next(t time.Time) time.Time {
	zone := t.Location()
	for day := time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, zone); day.Year() <= lastYear; day = day.AddDate(0, 0, 1) {
		if !c.onDay(day) {
			continue
		}
		for hour := range 24 {
			if !c.hours[hour] {
				continue
			}
			for minute := range 60 {
				due := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, zone)
				if c.minutes[minute] && due.After(t) && due.Hour() == hour {
					return due
				}
			}
		}
	}
	return time.Time{}
}
