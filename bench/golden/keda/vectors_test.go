// Package keda drives the parts of KEDA that decide on time and on zero, and writes down what they do.
//
// The cron scaler is built by its own constructor and asked for its metric; the scale executor is
// the one that the operator calls once per polling interval. Their clock is the one of
// testing/synctest: a weekend on which the clocks change takes no time.
package keda

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
)

const (
	seed               = 20261123
	executorSequences  = 60
	cronOutput         = "../../../tests/golden/cron.jsonl"
	scaledObjectOutput = "../../../tests/golden/scaled_object.jsonl"
)

func TestWriteCronVectors(t *testing.T) {
	lines := open(t, cronOutput)
	for number, window := range windows() {
		random := rand.New(rand.NewPCG(seed, uint64(number)))
		scaler, err := window.scaler()
		window.Sequence, window.Refused = number, err != nil
		write(t, lines, window)
		if err != nil {
			continue
		}
		moments := window.moments(random)
		synctest.Test(t, func(t *testing.T) {
			for _, moment := range moments {
				write(t, lines, ask(t, scaler, moment))
			}
		})
	}
}

func TestWriteScaledObjectVectors(t *testing.T) {
	lines := open(t, scaledObjectOutput)
	for number := range executorSequences {
		random := rand.New(rand.NewPCG(seed, uint64(number)))
		object := drawObject(random, number)
		write(t, lines, object)
		synctest.Test(t, func(t *testing.T) {
			for _, poll := range object.polls(random) {
				write(t, lines, poll)
			}
		})
	}
}

func open(t *testing.T, path string) *json.Encoder {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return json.NewEncoder(file)
}

func write(t *testing.T, lines *json.Encoder, value any) {
	t.Helper()
	if err := lines.Encode(value); err != nil {
		t.Fatal(err)
	}
}
