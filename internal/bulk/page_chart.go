package bulk

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// progressChart is the drawing of a job's progress over time, in units of its view box.
type progressChart struct {
	Objects, Bytes, Area string // paths
	Points               []chartPoint
	Ticks                []chartTick // of the time
	Levels               []chartTick // of the part that is done
	Words                string      // the same for who cannot see it
	Rounds               []Moment    // without the start
}

type chartPoint struct {
	X, Y  float64
	Title string
}

type chartTick struct {
	At    float64
	Label string
}

// The view box of the progress: the plot lies between these.
const (
	chartLeft, chartRight = 44, 704
	chartTop, chartBottom = 14, 196
)

// newProgressChart returns the drawing, or nil if there is nothing to draw.
func newProgressChart(r Report) *progressChart {
	rounds := slices.Clone(r.Rounds)
	slices.SortStableFunc(rounds, func(a, b Moment) int { return a.At.Compare(b.At) })
	rounds = slices.DeleteFunc(rounds, func(m Moment) bool { return !m.At.After(r.Started) })
	whole := r.Plan.Tally.ToCopy
	if len(rounds) == 0 || whole.Objects <= 0 || r.Started.IsZero() {
		return nil
	}
	end := rounds[len(rounds)-1].At
	span := end.Sub(r.Started).Seconds()
	x := func(at time.Time) float64 {
		return round1(chartLeft + max(0, min(1, at.Sub(r.Started).Seconds()/span))*(chartRight-chartLeft))
	}
	y := func(part float64) float64 { return round1(chartBottom - part*(chartBottom-chartTop)) }

	c := &progressChart{Objects: fmt.Sprintf("M%d %d", chartLeft, chartBottom), Rounds: rounds}
	c.Bytes = c.Objects
	words := []string{fmt.Sprintf("%s after %s rounds", formatDuration(end.Sub(r.Started)), formatCount(int64(len(rounds))))}
	for i, m := range rounds {
		objects := share(float64(m.Done.Objects), float64(whole.Objects))
		size := objects
		if whole.Bytes > 0 {
			size = share(float64(m.Done.Bytes), float64(whole.Bytes))
		}
		at := x(m.At)
		c.Objects += fmt.Sprintf("L%v %v", at, y(objects))
		c.Bytes += fmt.Sprintf("L%v %v", at, y(size))
		title := fmt.Sprintf(
			"round %d, after %s: %s of the objects, %s of the bytes",
			i+1, formatDuration(m.At.Sub(r.Started)), formatPercent(objects), formatPercent(size),
		)
		c.Points = append(c.Points, chartPoint{at, y(objects), title})
		words = append(words, title)
	}
	c.Area = c.Objects + fmt.Sprintf("L%v %dZ", x(end), chartBottom)
	c.Words = "Progress: " + strings.Join(words, "; ")
	for _, part := range []float64{0, 0.25, 0.5, 0.75, 1} {
		c.Levels = append(c.Levels, chartTick{y(part), fmt.Sprintf("%.0f %%", part*100)})
	}
	step := tickStep(span)
	for at := 0.0; at <= span+step/1000; at += step {
		c.Ticks = append(c.Ticks, chartTick{x(r.Started.Add(time.Duration(at * float64(time.Second)))), tickLabel(at, step)})
	}
	return c
}

func round1(f float64) float64 { return math.Round(f*10) / 10 }

// tickStep returns a distance in seconds of which a span has at most seven.
func tickStep(span float64) float64 {
	const minute, hour, day = 60, 3600, 86400
	steps := []float64{
		1, 2, 5, 10, 15, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
		hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 5 * day, 10 * day,
	}
	for _, s := range steps {
		if span/s <= 7 {
			return s
		}
	}
	return math.Ceil(span/7/(10*day)) * 10 * day
}

// tickLabel writes a time since the start in the unit of its step.
func tickLabel(at, step float64) string {
	switch {
	case at == 0:
		return "0"
	case step >= 86400:
		return fmt.Sprintf("%.0f d", at/86400)
	case step >= 3600:
		return fmt.Sprintf("%.0f h", at/3600)
	case step >= 60 && at >= 3600 && math.Mod(at, 3600) != 0:
		return fmt.Sprintf("%d:%02d h", int(at)/3600, int(at)%3600/60)
	case step >= 60 && at >= 3600:
		return fmt.Sprintf("%.0f h", at/3600)
	case step >= 60:
		return fmt.Sprintf("%.0f min", at/60)
	}
	return fmt.Sprintf("%.0f s", at)
}

// sizeChart is the drawing of how objects and bytes are spread over sizes.
type sizeChart struct {
	Columns []column
	Levels  []chartTick
	Words   string
}

// column is a pair of columns: of objects and of bytes.
type column struct {
	X, Middle, Width        float64 // of the first; the second follows
	ObjectsY, ObjectsH      float64
	BytesX, BytesY, BytesH  float64
	Label, ObjectsT, BytesT string
}

// newSizeChart returns the drawing, or nil if there is nothing to draw.
func newSizeChart(bars []bar) *sizeChart {
	if len(bars) == 0 {
		return nil
	}
	top := 0.0
	for _, b := range bars {
		top = max(top, b.Part, b.Of)
	}
	top = min(1, math.Ceil(top*5)/5) // so that its quarters are whole percentages
	c := &sizeChart{}
	slot := float64(chartRight-chartLeft) / float64(max(4, len(bars)))
	width := min(26, slot*0.32)
	var words []string
	height := func(part float64) float64 {
		h := part / top * (chartBottom - chartTop)
		if part > 0 {
			h = max(h, 1)
		}
		return round1(h)
	}
	for i, b := range bars {
		middle := chartLeft + slot*(float64(i)+0.5)
		col := column{
			X: round1(middle - width - 1), Middle: round1(middle), Width: round1(width), BytesX: round1(middle + 1),
			ObjectsH: height(b.Part), BytesH: height(b.Of), Label: b.Label,
			ObjectsT: fmt.Sprintf("%s: %s objects, %s", b.Label, formatCount(b.Objects), formatPercent(b.Part)),
			BytesT:   fmt.Sprintf("%s: %s, %s", b.Label, formatBytes(b.Bytes), formatPercent(b.Of)),
		}
		col.ObjectsY, col.BytesY = chartBottom-col.ObjectsH, chartBottom-col.BytesH
		c.Columns = append(c.Columns, col)
		words = append(words, fmt.Sprintf("%s: %s of the objects, %s of the bytes", b.Label, formatPercent(b.Part), formatPercent(b.Of)))
	}
	for _, part := range []float64{0, 0.25, 0.5, 0.75, 1} {
		c.Levels = append(c.Levels, chartTick{round1(chartBottom - part*(chartBottom-chartTop)), fmt.Sprintf("%.0f %%", part*top*100)})
	}
	c.Words = "Sizes: " + strings.Join(words, "; ")
	return c
}
