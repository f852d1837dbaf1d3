// Package hpa drives the horizontal pod autoscaler of Kubernetes and writes down what it does.
//
// Nothing is imitated: the controller of kube-controller-manager is built by its own constructor
// and reconciles one object again and again. Only its surroundings are ours: a scale subresource
// that remembers what is written, a metrics client that answers what the sequence says, pods that
// lie in the lister's cache. Its clock is the one of testing/synctest, so five minutes of
// stabilization take no time and a limit is met on the second.
package hpa

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"math/rand/v2"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

const (
	seed      = 20261123
	sequences = 180
	output    = "../../../tests/golden/hpa.jsonl"
)

// TestWriteVectors is a test because a synctest bubble needs one.
func TestWriteVectors(t *testing.T) {
	klog.SetLogger(logr.Discard())
	file, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := json.NewEncoder(file)
	for number := range sequences {
		// A generator per sequence: a change of one leaves the others as they are.
		random := rand.New(rand.NewPCG(seed, uint64(number)))
		sequence := draw(random, number)
		if err := lines.Encode(sequence); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			for _, step := range replay(t, random, sequence) {
				if err := lines.Encode(step); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func replay(t *testing.T, random *rand.Rand, sequence Sequence) []Step {
	ctx, cancel := context.WithCancel(context.Background())
	world := newWorld(t, ctx, sequence)
	load := newLoad(random, sequence)
	started := time.Now()
	steps := make([]Step, sequence.steps)
	for number := range steps {
		if number > 0 {
			time.Sleep(pause(random))
		}
		step := load.next(world.scale.Spec.Replicas)
		step.At = int(time.Since(started) / time.Second)
		world.reconcile(&step)
		steps[number] = step
	}
	cancel()
	world.stop(ctx)
	return steps
}

// pause is the period of the controller mostly; sometimes it was woken, slow or restarted elsewhere.
func pause(random *rand.Rand) time.Duration {
	switch random.IntN(12) {
	case 0:
		return time.Duration(1+random.IntN(14)) * time.Second
	case 1:
		return time.Duration(15*(1+random.IntN(24))) * time.Second
	default:
		return 15 * time.Second
	}
}
