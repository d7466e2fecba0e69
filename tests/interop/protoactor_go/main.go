// A Proto.Actor node that protoactor_go_test.py drives.
//
//	protoactor_go_peer HOST PORT [CLUSTER HEALTH_PORT REFRESH_MS HEALTH_HOST...]
//
// With the last four it is a member of a cluster with the automanaged provider; see cluster.go.
//
// Each line of standard input is a JSON object, answered by one line of JSON on standard output, in order; the first line of
// output says who this node is. The log goes to standard error. The node ends when standard input does.
//
// Its kinds:
//
//	echo      answers each message with the same message and the same headers, except nexus-*
//	recorder  the one of tests/process/test_node.cc: counts what comes numbered, answers {} with what it counted
//	noter     keeps what it gets; the op `notes` shows it
//	reporter  answers with the headers that it got, as a google.protobuf.Struct
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type command struct {
	Op      string            `json:"op"`
	Pid     string            `json:"pid"`
	ID      string            `json:"id"`
	Kind    string            `json:"kind"`
	Address string            `json:"address"`
	Sender  string            `json:"sender"`
	Type    string            `json:"type"`
	Message json.RawMessage   `json:"message"`
	Headers map[string]string `json:"headers"`
	// Instead of a message: a google.protobuf.BytesValue of so many bytes.
	ByteCount int   `json:"byte_count"`
	Count     int64 `json:"count"`
	Window    int64 `json:"window"`
	TimeoutMs int64 `json:"timeout_ms"`
	// A serialised google.protobuf.FileDescriptorProto, in base64.
	File []byte `json:"file"`
}

type answer map[string]any

// Messages as JSON; a large one is only measured.
type note struct {
	Type       string            `json:"type,omitempty"`
	Message    json.RawMessage   `json:"message,omitempty"`
	ByteCount  int               `json:"byte_count,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Sender     string            `json:"sender,omitempty"`
	Terminated string            `json:"terminated,omitempty"`
	Why        string            `json:"why,omitempty"`
}

const shownBytesMax = 64 * 1024

func noteOf(message proto.Message) note {
	n := note{Type: string(proto.MessageName(message)), ByteCount: proto.Size(message)}
	if n.ByteCount <= shownBytesMax {
		text, err := protojson.Marshal(message)
		if err != nil {
			panic(err)
		}
		n.Message = text
	}
	return n
}

func pidOf(text string) *actor.PID {
	address, id, _ := strings.Cut(text, "/")
	return actor.NewPID(address, id)
}

func textOf(pid *actor.PID) string {
	if pid == nil {
		return ""
	}
	return pid.Address + "/" + pid.Id
}

func headersOf(ctx actor.Context) map[string]string {
	header := ctx.MessageHeader()
	if header == nil {
		return nil
	}
	return header.ToMap()
}

// Tells what an actor sends from what the runtime tells it about itself.
func isLifecycle(message any) bool {
	switch message.(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.Terminated:
		return true
	}
	return false
}

func echo(ctx actor.Context) {
	message, ok := ctx.Message().(proto.Message)
	if !ok || isLifecycle(message) || ctx.Sender() == nil {
		return
	}
	back := &actor.MessageEnvelope{Message: message}
	for name, value := range headersOf(ctx) {
		if !strings.HasPrefix(name, "nexus-") {
			back.SetHeader(name, value)
		}
	}
	ctx.Send(ctx.Sender(), back)
}

func reporter(ctx actor.Context) {
	message, ok := ctx.Message().(proto.Message)
	if !ok || isLifecycle(message) {
		return
	}
	report := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for name, value := range headersOf(ctx) {
		report.Fields[name] = structpb.NewStringValue(value)
	}
	ctx.Respond(report)
}

type recorder struct {
	receivedCount   int64
	outOfOrderCount int64
	next            map[string]float64
}

func (r *recorder) Receive(ctx actor.Context) {
	message, ok := ctx.Message().(*structpb.Struct)
	if !ok {
		return
	}
	sequence, numbered := message.Fields["sequence"]
	if !numbered {
		ctx.Respond(&structpb.Struct{Fields: map[string]*structpb.Value{
			"received":     structpb.NewNumberValue(float64(r.receivedCount)),
			"out_of_order": structpb.NewNumberValue(float64(r.outOfOrderCount)),
			"senders":      structpb.NewNumberValue(float64(len(r.next))),
		}})
		return
	}
	r.receivedCount++
	sender := message.Fields["sender"].GetStringValue()
	if sequence.GetNumberValue() != r.next[sender] {
		r.outOfOrderCount++
	}
	r.next[sender] = sequence.GetNumberValue() + 1
}

type watch struct{ pid *actor.PID }
type unwatch struct{ pid *actor.PID }

type noter struct {
	mutex sync.Mutex
	notes []note
}

func (n *noter) add(entry note) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.notes = append(n.notes, entry)
}

func (n *noter) all() []note {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return append([]note{}, n.notes...)
}

func (n *noter) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case *watch:
		ctx.Watch(message.pid)
	case *unwatch:
		ctx.Unwatch(message.pid)
	case *actor.Terminated:
		n.add(note{Terminated: textOf(message.Who), Why: message.Why.String()})
	case proto.Message:
		if isLifecycle(message) {
			return
		}
		entry := noteOf(message)
		entry.Headers = headersOf(ctx)
		entry.Sender = textOf(ctx.Sender())
		n.add(entry)
	}
}

// Sends numbers, at most `window` of them unanswered, and counts what comes back.
type begin struct{}
type pinger struct {
	target                                    *actor.PID
	count, window                             int64
	sentCount, returnedCount, outOfOrderCount int64
	done                                      chan<- answer
}

func (p *pinger) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case *begin:
	case *wrapperspb.Int64Value:
		if message.Value != p.returnedCount {
			p.outOfOrderCount++
		}
		p.returnedCount++
		if p.returnedCount == p.count {
			p.done <- answer{"returned": p.returnedCount, "out_of_order": p.outOfOrderCount}
		}
	default:
		return
	}
	for p.sentCount < p.count && p.sentCount-p.returnedCount < p.window {
		ctx.Request(p.target, wrapperspb.Int64(p.sentCount))
		p.sentCount++
	}
}

type node struct {
	system *actor.ActorSystem
	remote *remote.Remote
	mutex  sync.Mutex
	noters map[string]*noter
	links  []string
	// Of a cluster; nil without one.
	cluster *cluster.Cluster
	changes []answer
}

func newNode(host string, port int, options *clusterOptions) *node {
	n := &node{noters: map[string]*noter{}}
	n.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}))
	n.system.EventStream.Subscribe(func(event interface{}) {
		switch e := event.(type) {
		case *remote.EndpointConnectedEvent:
			n.noteLink("connected " + e.Address)
		case *remote.EndpointTerminatedEvent:
			n.noteLink("terminated " + e.Address)
		}
	})
	kinds := []*remote.Kind{}
	for _, name := range []string{"echo", "recorder", "reporter"} {
		kinds = append(kinds, remote.NewKind(name, n.propsOf(name, "")))
	}
	config := remote.Configure(host, port, remote.WithKinds(kinds...))
	if options != nil {
		n.startMember(config, options)
		return n
	}
	n.remote = remote.NewRemote(n.system, config)
	n.remote.Start()
	return n
}

func (n *node) noteLink(what string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.links = append(n.links, what)
}

func (n *node) allLinks() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return append([]string{}, n.links...)
}

func (n *node) propsOf(kind, id string) *actor.Props {
	switch kind {
	case "echo":
		return actor.PropsFromFunc(echo)
	case "reporter":
		return actor.PropsFromFunc(reporter)
	case "recorder":
		return actor.PropsFromProducer(func() actor.Actor { return &recorder{next: map[string]float64{}} })
	case "noter":
		kept := &noter{}
		n.noters[id] = kept
		return actor.PropsFromProducer(func() actor.Actor { return kept })
	}
	panic("no kind " + kind)
}

// Makes the messages of a file known, as generated code would.
func register(serialised []byte) error {
	var described descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(serialised, &described); err != nil {
		return err
	}
	file, err := protodesc.NewFile(&described, protoregistry.GlobalFiles)
	if err != nil {
		return err
	}
	if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
		return err
	}
	for i := 0; i < file.Messages().Len(); i++ {
		if err := protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(file.Messages().Get(i))); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) message() (proto.Message, error) {
	if c.ByteCount > 0 {
		return wrapperspb.Bytes(make([]byte, c.ByteCount)), nil
	}
	messageType, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(c.Type))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Type, err)
	}
	message := messageType.New().Interface()
	return message, protojson.Unmarshal(c.Message, message)
}

func (c *command) timeout() time.Duration {
	if c.TimeoutMs == 0 {
		return 5 * time.Second
	}
	return time.Duration(c.TimeoutMs) * time.Millisecond
}

func (n *node) send(c *command) error {
	message, err := c.message()
	if err != nil {
		return err
	}
	envelope := &actor.MessageEnvelope{Message: message}
	for name, value := range c.Headers {
		envelope.SetHeader(name, value)
	}
	if c.Sender != "" {
		envelope.Sender = pidOf(c.Sender)
	}
	n.system.Root.Send(pidOf(c.Pid), envelope)
	return nil
}

func (n *node) request(c *command) (answer, error) {
	message, err := c.message()
	if err != nil {
		return nil, err
	}
	result, err := n.system.Root.RequestFuture(pidOf(c.Pid), message, c.timeout()).Result()
	if err != nil {
		return nil, err
	}
	reply, ok := result.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("the answer is a %T", result)
	}
	return answer{"reply": noteOf(reply)}, nil
}

func (n *node) activate(c *command) (answer, error) {
	response, err := n.remote.SpawnNamed(c.Address, c.ID, c.Kind, c.timeout())
	if err != nil {
		return nil, err
	}
	return answer{"status": response.StatusCode, "pid": textOf(response.Pid)}, nil
}

func (n *node) flood(c *command) {
	target := pidOf(c.Pid)
	for i := int64(0); i < c.Count; i++ {
		n.system.Root.Send(target, &structpb.Struct{Fields: map[string]*structpb.Value{
			"sender":   structpb.NewStringValue("go"),
			"sequence": structpb.NewNumberValue(float64(i)),
		}})
	}
}

func (n *node) ping(c *command) (answer, error) {
	done := make(chan answer, 1)
	ping := &pinger{target: pidOf(c.Pid), count: c.Count, window: c.Window, done: done}
	pid := n.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return ping }))
	defer n.system.Root.Stop(pid)
	n.system.Root.Send(pid, &begin{})
	select {
	case tally := <-done:
		return tally, nil
	case <-time.After(c.timeout()):
		return nil, fmt.Errorf("not all pings came back in %v", c.timeout())
	}
}

func (n *node) handle(c *command) (answer, error) {
	root := n.system.Root
	switch c.Op {
	case "register":
		return answer{}, register(c.File)
	case "spawn":
		pid, err := root.SpawnNamed(n.propsOf(c.Kind, c.ID), c.ID)
		return answer{"pid": textOf(pid)}, err
	case "send":
		return answer{}, n.send(c)
	case "request":
		return n.request(c)
	case "notes":
		return answer{"notes": n.noters[c.ID].all()}, nil
	case "watch":
		root.Send(n.system.NewLocalPID(c.ID), &watch{pidOf(c.Pid)})
		return answer{}, nil
	case "unwatch":
		root.Send(n.system.NewLocalPID(c.ID), &unwatch{pidOf(c.Pid)})
		return answer{}, nil
	case "stop":
		root.Stop(pidOf(c.Pid))
		return answer{}, nil
	case "poison":
		root.Poison(pidOf(c.Pid))
		return answer{}, nil
	case "activate":
		return n.activate(c)
	case "flood":
		n.flood(c)
		return answer{}, nil
	case "ping":
		return n.ping(c)
	case "links":
		return answer{"links": n.allLinks()}, nil
	case "shutdown":
		n.remote.Shutdown(true)
		return answer{}, nil
	}
	return n.handleOfCluster(c)
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: protoactor_go_peer HOST PORT [CLUSTER HEALTH_PORT REFRESH_MS HEALTH_HOST...]")
		os.Exit(2)
	}
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	options, err := clusterOptionsOf(os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	lines := json.NewEncoder(os.Stdout)
	// What libraries print there is no line of ours.
	os.Stdout = os.Stderr
	n := newNode(os.Args[1], port, options)
	write := func(line answer) {
		if err := lines.Encode(line); err != nil {
			os.Exit(1)
		}
	}
	write(answer{"address": n.system.Address(), "member": n.system.ID})
	commands := json.NewDecoder(os.Stdin)
	for {
		var c command
		if commands.Decode(&c) != nil {
			return
		}
		line, err := n.handle(&c)
		if err != nil {
			line = answer{"error": err.Error()}
		}
		write(line)
	}
}
