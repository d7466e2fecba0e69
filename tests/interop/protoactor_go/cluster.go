package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/cluster/clusterproviders/automanaged"
	"github.com/asynkron/protoactor-go/cluster/identitylookup/disthash"
	"github.com/asynkron/protoactor-go/remote"
)

// How the node finds its cluster: by asking hosts for /_health.
type clusterOptions struct {
	name       string
	healthPort int
	refresh    time.Duration
	hosts      []string
}

func clusterOptionsOf(arguments []string) (*clusterOptions, error) {
	if len(arguments) == 0 {
		return nil, nil
	}
	if len(arguments) < 4 {
		return nil, fmt.Errorf("a cluster takes NAME HEALTH_PORT REFRESH_MS HOST...")
	}
	healthPort, err := strconv.Atoi(arguments[1])
	if err != nil {
		return nil, err
	}
	refreshMs, err := strconv.Atoi(arguments[2])
	if err != nil {
		return nil, err
	}
	return &clusterOptions{
		name:       arguments[0],
		healthPort: healthPort,
		refresh:    time.Duration(refreshMs) * time.Millisecond,
		hosts:      arguments[3:],
	}, nil
}

func (n *node) startMember(config *remote.Config, options *clusterOptions) {
	provider := automanaged.NewWithConfig(options.refresh, options.healthPort, options.hosts...)
	kind := cluster.NewKind("hello", actor.PropsFromFunc(func(actor.Context) {}))
	n.system.EventStream.Subscribe(func(event interface{}) {
		if topology, ok := event.(*cluster.ClusterTopology); ok {
			n.noteTopology(topology)
		}
	})
	n.cluster = cluster.New(n.system, cluster.Configure(options.name, provider, disthash.New(), config, cluster.WithKinds(kind)))
	n.cluster.StartMember()
	n.remote = n.cluster.Remote
}

func (n *node) noteTopology(topology *cluster.ClusterTopology) {
	at := float64(time.Now().UnixMilli()) / 1000
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, member := range topology.Joined {
		n.changes = append(n.changes, answer{"what": "joined", "member": member.Id, "at": at})
	}
	for _, member := range topology.Left {
		n.changes = append(n.changes, answer{"what": "left", "member": member.Id, "at": at})
	}
}

func (n *node) memberList() answer {
	members := []answer{}
	for _, member := range n.cluster.MemberList.Members().Members() {
		members = append(members, answer{"member": member.Id, "address": member.Address(), "kinds": member.Kinds})
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return answer{
		"members": members,
		"changes": append([]answer{}, n.changes...),
		"blocked": n.cluster.GetBlockedMembers().ToSlice(),
	}
}

// The members that have told a key, and how many seconds ago.
func (n *node) gossip(key string) (answer, error) {
	state, err := n.cluster.Gossip.GetState(key)
	if err != nil {
		return nil, err
	}
	ages := answer{}
	for member, value := range state {
		ages[member] = time.Since(time.UnixMilli(value.LocalTimestampUnixMilliseconds)).Seconds()
	}
	return answer{"ages_s": ages}, nil
}

func (n *node) handleOfCluster(c *command) (answer, error) {
	if n.cluster == nil {
		return nil, fmt.Errorf("no op %q without a cluster", c.Op)
	}
	switch c.Op {
	case "members":
		return n.memberList(), nil
	case "gossip":
		return n.gossip(c.ID)
	case "locate":
		return answer{"pid": textOf(n.cluster.Get(c.ID, "hello"))}, nil
	case "broadcast":
		message, err := c.message()
		if err == nil {
			n.cluster.MemberList.BroadcastEvent(message, false)
		}
		return answer{}, err
	case "leave":
		n.cluster.Shutdown(true)
		return answer{}, nil
	}
	return nil, fmt.Errorf("no op %q", c.Op)
}
