// The workloads of remote_bench for protoactor-go: this process is one node, a second process of this program the other, over
// loopback. A message is a google.protobuf.BytesValue of 16 bytes, made anew each time; everything else is a default of
// protoactor-go's.
//
//	protoactor_go_remote_bench [--workload NAME[,NAME..]] [--procs N] [--runs R] [--scale S]
//
// Each workload runs once unmeasured, then R times, over one connection. `--procs` is GOMAXPROCS of both processes. The time is from
// the peer's answer that it is there to its answer to the last message.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"nexus/tests/bench/peers/protoactor_go/report"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	payloadBytes = 16
	// Of `oneway`: so many may be on their way; the peer says each reportEvery how many it has.
	window      = 50_000
	reportEvery = 5_000
	patience    = 2 * time.Minute
)

func newPing(number uint64) *wrapperspb.BytesValue {
	payload := make([]byte, payloadBytes)
	binary.LittleEndian.PutUint64(payload, number)
	return wrapperspb.Bytes(payload)
}

func numberOf(ping *wrapperspb.BytesValue) uint64 { return binary.LittleEndian.Uint64(ping.Value) }

func newNode() *actor.ActorSystem {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	remote.NewRemote(system, remote.Configure("127.0.0.1", 0)).Start()
	return system
}

// Echoes pings.
func echo(c actor.Context) {
	if ping, ok := c.Message().(*wrapperspb.BytesValue); ok {
		c.Respond(ping)
	}
}

// A UInt64Value says how many pings will come, and who wants to know how many are there; the answers are UInt64Values, from 0. A
// StringValue instead: one is out of order.
type counter struct {
	wanted, got uint64
	starter     *actor.PID
}

func (a *counter) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *wrapperspb.UInt64Value:
		*a = counter{wanted: m.Value, starter: c.Sender()}
		c.Send(a.starter, wrapperspb.UInt64(0))
	case *wrapperspb.BytesValue:
		if number := numberOf(m); number != a.got {
			c.Send(a.starter, wrapperspb.String(fmt.Sprintf("message %d came as number %d", number, a.got)))
		}
		if a.got++; a.got%reportEvery == 0 || a.got == a.wanted {
			c.Send(a.starter, wrapperspb.UInt64(a.got))
		}
	}
}

type outcome struct {
	run report.Run
	err error
}

type start struct{}

// Sends pings as fast as the window allows.
type sender struct {
	target             *actor.PID
	count, sent, acked uint64
	begun              time.Time
	ended              chan<- outcome
}

func (a *sender) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *start:
		c.Request(a.target, wrapperspb.UInt64(a.count))
		return
	case *wrapperspb.UInt64Value:
		if a.acked = m.Value; a.acked == 0 {
			a.begun = time.Now()
		}
	case *wrapperspb.StringValue:
		a.ended <- outcome{err: errors.New(m.Value)}
		return
	default:
		return
	}
	if a.acked == a.count {
		a.ended <- outcome{run: report.Run{Took: time.Since(a.begun), Count: int(a.count)}}
	}
	for ; a.sent < a.count && a.sent-a.acked <= window; a.sent++ {
		c.Send(a.target, newPing(a.sent))
	}
}

// Keeps so many requests under way until all are answered.
type asker struct {
	target             *actor.PID
	count, outstanding uint64
	timed              bool
	sent, answered     uint64
	begun, last        time.Time
	times              []float64
	ended              chan<- outcome
}

func (a *asker) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *start:
		if a.timed {
			a.times = make([]float64, 0, a.count)
		}
		a.begun = time.Now()
		a.last = a.begun
		for a.sent < min(a.count, a.outstanding) {
			a.ask(c)
		}
	case *wrapperspb.BytesValue:
		if number := numberOf(m); number != a.answered {
			a.ended <- outcome{err: fmt.Errorf("answer %d came as number %d", number, a.answered)}
			return
		}
		if a.timed {
			now := time.Now()
			a.times = append(a.times, float64(now.Sub(a.last).Nanoseconds()))
			a.last = now
		}
		if a.sent < a.count {
			a.ask(c)
		}
		if a.answered++; a.answered == a.count {
			a.ended <- outcome{run: report.Run{Took: time.Since(a.begun), Count: int(a.count), Times: a.times}}
		}
	}
}

func (a *asker) ask(c actor.Context) {
	c.Request(a.target, newPing(a.sent))
	a.sent++
}

// The link between this node and the one of the peer process.
type link struct {
	system *actor.ActorSystem
	peer   string
	scale  float64
}

func (l link) scaled(count int) uint64 { return max(1, uint64(float64(count)*l.scale+0.5)) }
func (l link) at(id string) *actor.PID { return actor.NewPID(l.peer, id) }

func (l link) run(driver actor.Actor, ended <-chan outcome) (report.Run, error) {
	pid := l.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return driver }))
	defer l.system.Root.Stop(pid)
	l.system.Root.Send(pid, &start{})
	select {
	case o := <-ended:
		return o.run, o.err
	case <-time.After(patience):
		return report.Run{}, errors.New("messages were lost")
	}
}

func runOneway(l link) (report.Run, error) {
	ended := make(chan outcome, 1)
	return l.run(&sender{target: l.at("counter"), count: l.scaled(5_000_000), ended: ended}, ended)
}

func roundTrips(count, outstanding int, timed bool) func(link) (report.Run, error) {
	return func(l link) (report.Run, error) {
		ended := make(chan outcome, 1)
		return l.run(&asker{target: l.at("echo"), count: l.scaled(count), outstanding: uint64(outstanding), timed: timed,
			ended: ended}, ended)
	}
}

// Both directions count.
func runEchoFlood(l link) (report.Run, error) {
	const count = 1_000_000
	run, err := roundTrips(count, count, false)(l)
	run.Count *= 2
	return run, err
}

type workload struct {
	name, unit string
	run        func(link) (report.Run, error)
}

var workloads = []workload{
	{"oneway", "msg/s", runOneway},
	{"pingpong", "ns/round_trip", roundTrips(20_000, 1, true)},
	{"pipelined", "round_trips/s", roundTrips(1_000_000, 1000, false)},
	{"echo_flood", "msg/s", runEchoFlood},
}

func choose(names string) ([]workload, error) {
	if names == "all" {
		return workloads, nil
	}
	var chosen []workload
	for _, name := range strings.Split(names, ",") {
		before := len(chosen)
		for _, w := range workloads {
			if w.name == name {
				chosen = append(chosen, w)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("no workload %q", name)
		}
	}
	return chosen, nil
}

// Until its standard input ends.
func serve() {
	system := newNode()
	for id, producer := range map[string]actor.Producer{
		"echo":    func() actor.Actor { return actor.ReceiveFunc(echo) },
		"counter": func() actor.Actor { return &counter{} },
	} {
		if _, err := system.Root.SpawnNamed(actor.PropsFromProducer(producer), id); err != nil {
			panic(err)
		}
	}
	fmt.Println(system.Address())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// The other process; its address, and what ends it.
func startPeer(procs int) (string, func(), error) {
	program, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	peer := exec.Command(program, "--serve", "--procs", strconv.Itoa(procs))
	peer.Stderr = os.Stderr
	input, err := peer.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	output, err := peer.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := peer.Start(); err != nil {
		return "", nil, err
	}
	address, err := bufio.NewReader(output).ReadString('\n')
	stop := func() {
		_ = input.Close()
		_ = peer.Wait()
	}
	return strings.TrimSpace(address), stop, err
}

func measure(w workload, procs, runCount int, scale float64) error {
	address, stop, err := startPeer(procs)
	if err != nil {
		return err
	}
	defer stop()
	l := link{system: newNode(), peer: address, scale: scale}
	if _, err := w.run(l); err != nil {
		return err
	}
	subject := report.Workload{Name: w.name, Unit: w.unit, Workers: procs}
	var runs []report.Run
	for index := 1; index <= runCount; index++ {
		// What earlier runs have left is not this one's.
		runtime.GC()
		run, err := w.run(l)
		if err != nil {
			return err
		}
		subject.PrintRun(index, run)
		runs = append(runs, run)
	}
	subject.PrintSummary(runs)
	return nil
}

func main() {
	names := flag.String("workload", "all", "`NAME[,NAME..]`: oneway, pingpong, pipelined, echo_flood; or all")
	procs := flag.Int("procs", 2, "GOMAXPROCS of each process")
	runCount := flag.Int("runs", 5, "measured runs of each, after one that is not")
	scale := flag.Float64("scale", 1, "multiplies the number of messages")
	isPeer := flag.Bool("serve", false, "be the other process; given by this program")
	flag.Parse()
	chosen, err := choose(*names)
	if err != nil || flag.NArg() > 0 || *procs < 1 || *runCount < 1 || *scale <= 0 {
		fmt.Fprintln(os.Stderr, "protoactor_go_remote_bench: wrong arguments:", err, flag.Args())
		flag.Usage()
		os.Exit(2)
	}
	runtime.GOMAXPROCS(*procs)
	if *isPeer {
		serve()
		return
	}
	for _, w := range chosen {
		if err := measure(w, *procs, *runCount, *scale); err != nil {
			fmt.Fprintf(os.Stderr, "protoactor_go_remote_bench: %s: %v\n", w.name, err)
			os.Exit(1)
		}
	}
}
