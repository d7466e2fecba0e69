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
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"nexus/tests/bench/peers/protoactor_go/report"

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

func runPingpong(system *actor.ActorSystem, rounds int) report.Run {
	s := newStage(system, 1)
	partner := s.spawn(func() actor.Actor { return &ponger{} })
	driver := s.spawn(func() actor.Actor { return &pinger{s, partner, rounds} })
	return report.Run{Took: s.run(driver), Count: 2 * rounds}
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

func fanOut(counterCount int) func(*actor.ActorSystem, int) report.Run {
	return func(system *actor.ActorSystem, count int) report.Run {
		s := newStage(system, counterCount)
		var counters []*actor.PID
		for i := 0; i < counterCount; i++ {
			counters = append(counters, s.spawn(func() actor.Actor { return &counter{s, count} }))
		}
		driver := s.spawn(func() actor.Actor { return &producer{s, counters, count} })
		return report.Run{Took: s.run(driver), Count: counterCount * count}
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

func runManyToOne(system *actor.ActorSystem, count int) report.Run {
	const producerCount = 100
	s := newStage(system, 1)
	target := []*actor.PID{s.spawn(func() actor.Actor { return &counter{s, producerCount * count} })}
	var producers []*actor.PID
	for i := 0; i < producerCount; i++ {
		producers = append(producers, s.spawn(func() actor.Actor { return &producer{nil, target, count} }))
	}
	driver := s.spawn(func() actor.Actor { return &starter{s, producers} })
	return report.Run{Took: s.run(driver), Count: producerCount * count}
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

func runRing(system *actor.ActorSystem, hops int) report.Run {
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
	return report.Run{Took: s.finish(), Count: hops}
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

func runBig(system *actor.ActorSystem, pings int) report.Run {
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
	return report.Run{Took: s.finish(), Count: 2 * talkerCount * pings}
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

func runCreate(named bool) func(*actor.ActorSystem, int) report.Run {
	return func(system *actor.ActorSystem, count int) report.Run {
		s := newStage(system, 1)
		return report.Run{Took: s.run(s.spawn(func() actor.Actor { return &parent{s, count, named} })), Count: count}
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

func runAsk(system *actor.ActorSystem, count int) report.Run {
	s := newStage(system, 1)
	target := s.spawn(func() actor.Actor { return &answerer{} })
	a := &asker{stage: s, target: target, left: count}
	return report.Run{Took: s.run(s.spawn(func() actor.Actor { return a })), Count: count, Times: a.times}
}

type workload struct {
	name, unit string
	size       int
	run        func(*actor.ActorSystem, int) report.Run
}

func runOnce(w workload, scale float64) report.Run {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer system.Shutdown()
	return w.run(system, max(1, int(float64(w.size)*scale+0.5)))
}

func measure(w workload, workers, runCount int, scale float64) {
	runOnce(w, scale)
	var runs []report.Run
	for range runCount {
		runtime.GC()
		runs = append(runs, runOnce(w, scale))
	}
	report.Workload{Name: w.name, Unit: w.unit, Workers: workers}.PrintSummary(runs)
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
		measure(w, workers, runs, scale)
	}
}
