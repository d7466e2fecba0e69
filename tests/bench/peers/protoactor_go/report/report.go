// Package report prints what the benches have measured: a JSON object a line, with the keys of core_bench and remote_bench.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strings"
	"time"
)

// Workload is what was measured. A unit of ns/... is a time, any other a rate.
type Workload struct {
	Name, Unit string
	Workers    int
}

// Run is one run: so many operations in this time, and the times of single ones in ns where they were taken.
type Run struct {
	Took  time.Duration
	Count int
	Times []float64
}

type line struct {
	Summary  bool    `json:"summary,omitempty"`
	Peer     string  `json:"peer"`
	Version  string  `json:"version"`
	Workload string  `json:"workload"`
	Workers  int     `json:"workers"`
	Run      int     `json:"run,omitempty"`
	Unit     string  `json:"unit"`
	Value    *number `json:"value,omitempty"`
	Median   *number `json:"median,omitempty"`
	Min      *number `json:"min,omitempty"`
	Max      *number `json:"max,omitempty"`
	Runs     int     `json:"runs,omitempty"`
	P50      *number `json:"p50,omitempty"`
	P99      *number `json:"p99,omitempty"`
}

type number float64

func (n number) MarshalJSON() ([]byte, error) { return []byte(fmt.Sprintf("%.2f", float64(n))), nil }

func (w Workload) line() line {
	return line{Peer: "protoactor-go", Version: version(), Workload: w.Name, Workers: w.Workers, Unit: w.Unit}
}

func (w Workload) valueOf(r Run) float64 {
	if strings.HasPrefix(w.Unit, "ns/") {
		return float64(r.Took.Nanoseconds()) / float64(r.Count)
	}
	return float64(r.Count) / r.Took.Seconds()
}

// PrintRun prints the run, which counts from 1.
func (w Workload) PrintRun(index int, r Run) {
	l := w.line()
	l.Run = index
	l.Value = numberOf(w.valueOf(r))
	if r.Times != nil {
		l.P50, l.P99 = numberOf(percentile(r.Times, 50)), numberOf(percentile(r.Times, 99))
	}
	l.print()
}

// PrintSummary prints medians over at least one run.
func (w Workload) PrintSummary(runs []Run) {
	var values, p50s, p99s []float64
	for _, r := range runs {
		values = append(values, w.valueOf(r))
		if r.Times != nil {
			p50s = append(p50s, percentile(r.Times, 50))
			p99s = append(p99s, percentile(r.Times, 99))
		}
	}
	l := w.line()
	l.Summary = true
	l.Median, l.Min, l.Max = numberOf(median(values)), numberOf(percentile(values, 0)), numberOf(percentile(values, 100))
	l.Runs = len(runs)
	if p50s != nil {
		l.P50, l.P99 = numberOf(median(p50s)), numberOf(median(p99s))
	}
	l.print()
}

func (l line) print() {
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		panic(err)
	}
}

func numberOf(value float64) *number { return (*number)(&value) }

func sorted(values []float64) []float64 {
	copied := append([]float64(nil), values...)
	sort.Float64s(copied)
	return copied
}

func percentile(values []float64, percent int) float64 {
	return sorted(values)[(len(values)-1)*percent/100]
}

func median(values []float64) float64 {
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return sorted(values)[middle]
	}
	return (sorted(values)[middle-1] + sorted(values)[middle]) / 2
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/asynkron/protoactor-go" {
				return module.Version
			}
		}
	}
	return "unknown"
}
