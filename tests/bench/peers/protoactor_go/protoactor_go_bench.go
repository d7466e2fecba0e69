// The workloads of core_bench for protoactor-go: actors from functions or structs, unbounded mailboxes. A message is a pointer to
// two integers; `ask` is RequestFuture and ReenterAfter.
//
//	protoactor_go_bench WORKERS RUNS SCALE
//
// Each workload runs once unmeasured, then RUNS times, each time in an actor system of its own. The time is from the driver's
// beginning to the last actor that is done.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

type (
	start struct{}
	ping  struct{ number, unused uint64 }
	pong  struct{ number, unused uint64 }
	tell  struct{ number, unused uint64 }
	token struct{ hopsLeft, unused uint64 }
	next  struct{ pid *actor.PID }
	work  struct{ number, unused uint64 }
	ask   struct{ number, unused uint64 }
	reply struct{ number, unused uint64 }
)

// What the actors of a run tell the main goroutine.
type stage struct {
	system     *actor.ActorSystem
	unfinished atomic.Int64
	begun      time.Time
	ended      time.Time
	finished   sync.WaitGroup
	pids       []*actor.PID
}

func newStage(system *actor.ActorSystem, finisherCount int) *stage {
	s := &stage{system: system}
	s.unfinished.Store(int64(finisherCount))
	s.finished.Add(1)
	return s
}

func (s *stage) begin() { s.begun = time.Now() }

func (s *stage) done() {
	if s.unfinished.Add(-1) == 0 {
		s.ended = time.Now()
		s.finished.Done()
	}
}

func (s *stage) spawn(producer actor.Producer) *actor.PID {
	pid := s.system.Root.Spawn(actor.PropsFromProducer(producer))
	s.pids = append(s.pids, pid)
	return pid
}

func (s *stage) run(driver *actor.PID) time.Duration {
	s.system.Root.Send(driver, &start{})
	return s.finish()
}

func (s *stage) finish() time.Duration {
	s.finished.Wait()
	took := s.ended.Sub(s.begun)
	for _, pid := range s.pids {
		s.system.Root.Stop(pid)
	}
	return took
}

type result struct {
	took  time.Duration
	count int
	times []float64
}

type ponger struct{}

func (*ponger) Receive(c actor.Context) {
	if m, ok := c.Message().(*ping); ok {
		c.Respond(&pong{number: m.number})
	}
}

type pinger struct {
	stage   *stage
	partner *actor.PID
	left    int
}

func (a *pinger) Receive(c actor.Context) {
	switch c.Message().(type) {
	case *start:
		a.stage.begin()
	case *pong:
	default:
		return
	}
	if a.left == 0 {
		a.stage.done()
		return
	}
	a.left--
	c.Request(a.partner, &ping{number: uint64(a.left)})
}

func runPingpong(system *actor.ActorSystem, rounds int) result {
	s := newStage(system, 1)
	partner := s.spawn(func() actor.Actor { return &ponger{} })
	driver := s.spawn(func() actor.Actor { return &pinger{s, partner, rounds} })
	return result{took: s.run(driver), count: 2 * rounds}
}

type counter struct {
	stage *stage
	left  int
}

func (a *counter) Receive(c actor.Context) {
	if _, ok := c.Message().(*tell); !ok {
		return
	}
	if a.left--; a.left == 0 {
		a.stage.done()
	}
}

type producer struct {
	begun   *stage
	targets []*actor.PID
	count   int
}

func (a *producer) Receive(c actor.Context) {
	if _, ok := c.Message().(*start); !ok {
		return
	}
	if a.begun != nil {
		a.begun.begin()
	}
	for i := 0; i < a.count; i++ {
		for _, target := range a.targets {
			c.Send(target, &tell{number: uint64(i)})
		}
	}
}

func fanOut(counterCount int) func(*actor.ActorSystem, int) result {
	return func(system *actor.ActorSystem, count int) result {
		s := newStage(system, counterCount)
		var counters []*actor.PID
		for i := 0; i < counterCount; i++ {
			counters = append(counters, s.spawn(func() actor.Actor { return &counter{s, count} }))
		}
		driver := s.spawn(func() actor.Actor { return &producer{s, counters, count} })
		return result{took: s.run(driver), count: counterCount * count}
	}
}

type starter struct {
	stage   *stage
	targets []*actor.PID
}

func (a *starter) Receive(c actor.Context) {
	if _, ok := c.Message().(*start); !ok {
		return
	}
	a.stage.begin()
	for _, target := range a.targets {
		c.Send(target, &start{})
	}
}

func runManyToOne(system *actor.ActorSystem, count int) result {
	const producerCount = 100
	s := newStage(system, 1)
	target := []*actor.PID{s.spawn(func() actor.Actor { return &counter{s, producerCount * count} })}
	var producers []*actor.PID
	for i := 0; i < producerCount; i++ {
		producers = append(producers, s.spawn(func() actor.Actor { return &producer{nil, target, count} }))
	}
	driver := s.spawn(func() actor.Actor { return &starter{s, producers} })
	return result{took: s.run(driver), count: producerCount * count}
}

type link struct {
	stage *stage
	next  *actor.PID
}

func (a *link) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *next:
		a.next = m.pid
	case *token:
		if m.hopsLeft == 0 {
			a.stage.done()
			return
		}
		c.Send(a.next, &token{hopsLeft: m.hopsLeft - 1})
	}
}

func runRing(system *actor.ActorSystem, hops int) result {
	const linkCount = 100
	s := newStage(system, 1)
	var links []*actor.PID
	for i := 0; i < linkCount; i++ {
		links = append(links, s.spawn(func() actor.Actor { return &link{stage: s} }))
	}
	for i, pid := range links {
		system.Root.Send(pid, &next{links[(i+1)%linkCount]})
	}
	s.begin()
	system.Root.Send(links[0], &token{hopsLeft: uint64(hops - 1)})
	return result{took: s.finish(), count: hops}
}

type talker struct {
	stage   *stage
	talkers *[]*actor.PID
	own     uint64
	left    int
	random  uint64
}

func (a *talker) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *ping:
		c.Respond(&pong{number: m.number})
	case *start, *pong:
		if a.left == 0 {
			a.stage.done()
			return
		}
		a.left--
		a.random ^= a.random << 13
		a.random ^= a.random >> 7
		a.random ^= a.random << 17
		other := a.random % uint64(len(*a.talkers)-1)
		if other >= a.own {
			other++
		}
		c.Request((*a.talkers)[other], &ping{number: uint64(a.left)})
	}
}

func runBig(system *actor.ActorSystem, pings int) result {
	const talkerCount = 120
	s := newStage(system, talkerCount)
	var talkers []*actor.PID
	for i := uint64(0); i < talkerCount; i++ {
		talkers = append(talkers, s.spawn(func() actor.Actor { return &talker{s, &talkers, i, pings, i + 1} }))
	}
	s.begin()
	for _, pid := range talkers {
		system.Root.Send(pid, &start{})
	}
	return result{took: s.finish(), count: 2 * talkerCount * pings}
}

type mayfly struct{}

func (*mayfly) Receive(c actor.Context) {
	if _, ok := c.Message().(*work); ok {
		c.Stop(c.Self())
	}
}

type parent struct {
	stage *stage
	left  int
	named bool
}

func (a *parent) Receive(c actor.Context) {
	switch c.Message().(type) {
	case *start:
		a.stage.begin()
		props := actor.PropsFromProducer(func() actor.Actor { return &mayfly{} })
		count := a.left
		for i := 0; i < count; i++ {
			var child *actor.PID
			if a.named {
				child, _ = c.SpawnNamed(props, "c"+strconv.Itoa(i))
			} else {
				child = c.Spawn(props)
			}
			c.Send(child, &work{number: uint64(i)})
		}
	case *actor.Terminated:
		if a.left--; a.left == 0 {
			a.stage.done()
		}
	}
}

func runCreate(named bool) func(*actor.ActorSystem, int) result {
	return func(system *actor.ActorSystem, count int) result {
		s := newStage(system, 1)
		return result{took: s.run(s.spawn(func() actor.Actor { return &parent{s, count, named} })), count: count}
	}
}

type answerer struct{}

func (*answerer) Receive(c actor.Context) {
	if m, ok := c.Message().(*ask); ok {
		c.Respond(&reply{number: m.number})
	}
}

type asker struct {
	stage  *stage
	target *actor.PID
	left   int
	last   time.Time
	times  []float64
}

func (a *asker) Receive(c actor.Context) {
	if _, ok := c.Message().(*start); !ok {
		return
	}
	a.stage.begin()
	a.last = time.Now()
	a.ask(c)
}

func (a *asker) ask(c actor.Context) {
	if a.left == 0 {
		a.stage.done()
		return
	}
	a.left--
	future := c.RequestFuture(a.target, &ask{number: uint64(a.left)}, 10*time.Second)
	c.ReenterAfter(future, func(any, error) {
		now := time.Now()
		a.times = append(a.times, float64(now.Sub(a.last).Nanoseconds()))
		a.last = now
		a.ask(c)
	})
}

func runAsk(system *actor.ActorSystem, count int) result {
	s := newStage(system, 1)
	target := s.spawn(func() actor.Actor { return &answerer{} })
	a := &asker{stage: s, target: target, left: count}
	return result{took: s.run(s.spawn(func() actor.Actor { return a })), count: count, times: a.times}
}

type workload struct {
	name, unit string
	size       int
	run        func(*actor.ActorSystem, int) result
}

func percentile(values []float64, percent int) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return sorted[(len(sorted)-1)*percent/100]
}

func median(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func runOnce(w workload, scale float64) result {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer system.Shutdown()
	return w.run(system, max(1, int(float64(w.size)*scale+0.5)))
}

func report(w workload, workers, runs int, scale float64) {
	runOnce(w, scale)
	var values, p50s, p99s []float64
	for range runs {
		runtime.GC()
		r := runOnce(w, scale)
		if strings.HasPrefix(w.unit, "ns/") {
			values = append(values, float64(r.took.Nanoseconds())/float64(r.count))
		} else {
			values = append(values, float64(r.count)/r.took.Seconds())
		}
		if r.times != nil {
			p50s = append(p50s, percentile(r.times, 50))
			p99s = append(p99s, percentile(r.times, 99))
		}
	}
	fmt.Printf(`{"summary":true,"peer":"protoactor_go","version":"%s","workload":"%s","workers":%d,"unit":"%s",`+
		`"median":%.2f,"min":%.2f,"max":%.2f,"runs":%d`,
		version(), w.name, workers, w.unit, median(values), percentile(values, 0), percentile(values, 100), runs)
	if p50s != nil {
		fmt.Printf(`,"p50":%.2f,"p99":%.2f`, median(p50s), median(p99s))
	}
	fmt.Println("}")
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

func main() {
	usage := func() {
		fmt.Fprintln(os.Stderr, "usage: protoactor_go_bench WORKERS RUNS SCALE")
		os.Exit(2)
	}
	if len(os.Args) != 4 {
		usage()
	}
	workers, err1 := strconv.Atoi(os.Args[1])
	runs, err2 := strconv.Atoi(os.Args[2])
	scale, err3 := strconv.ParseFloat(os.Args[3], 64)
	if err1 != nil || err2 != nil || err3 != nil || workers < 1 || runs < 1 {
		usage()
	}
	runtime.GOMAXPROCS(workers)
	for _, w := range []workload{
		{"pingpong", "ns/msg", 1_000_000, runPingpong},
		{"tell", "msg/s", 5_000_000, fanOut(1)},
		{"forkjoin_throughput", "msg/s", 100_000, fanOut(60)},
		{"many_to_one", "msg/s", 50_000, runManyToOne},
		{"ring", "ns/hop", 1_000_000, runRing},
		{"big", "msg/s", 20_000, runBig},
		{"forkjoin_create", "actors/s", 1_000_000, runCreate(true)},
		{"forkjoin_create_anonymous", "actors/s", 1_000_000, runCreate(false)},
		{"ask", "asks/s", 500_000, runAsk},
	} {
		report(w, workers, runs, scale)
	}
}
