package hpa

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Sequence is the first line of each: the object and the flags of the controller.
type Sequence struct {
	Sequence       int                                            `json:"sequence"`
	Min            int32                                          `json:"min"`
	Max            int32                                          `json:"max"`
	Metrics        []Metric                                       `json:"metrics"`
	Behavior       *autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior,omitempty"`
	StabilizationS int                                            `json:"stabilization_s"`
	Tolerance      float64                                        `json:"tolerance"`

	start int32
	steps int
}

// Metric is an external one; its target is in thousandths, as the controller calculates.
type Metric struct {
	Type   autoscalingv2.MetricTargetType `json:"type"`
	Target int64                          `json:"target_milli"`
}

// Step is one turn: what it finds, and `desired`, the spec of the scale subresource after it.
type Step struct {
	At      int       `json:"at"`
	Spec    int32     `json:"spec"`
	Status  int32     `json:"status"`
	Ready   int32     `json:"ready"`
	Values  [][]int64 `json:"values_milli"`
	Desired int32     `json:"desired"`
}

func metricName(number int) string { return fmt.Sprintf("metric-%d", number) }

func (m Metric) spec(number int) autoscalingv2.MetricSpec {
	target := autoscalingv2.MetricTarget{Type: m.Type}
	if m.Type == autoscalingv2.ValueMetricType {
		target.Value = resource.NewMilliQuantity(m.Target, resource.DecimalSI)
	} else {
		target.AverageValue = resource.NewMilliQuantity(m.Target, resource.DecimalSI)
	}
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ExternalMetricSourceType,
		External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: metricName(number)},
			Target: target,
		},
	}
}

func pick[T any](random *rand.Rand, choices ...T) T { return choices[random.IntN(len(choices))] }

func draw(random *rand.Rand, number int) Sequence {
	sequence := Sequence{
		Sequence:       number,
		Min:            pick[int32](random, 1, 1, 1, 2, 5),
		Max:            pick[int32](random, 10, 20, 50, 50, 100, 500),
		StabilizationS: pick(random, 300, 300, 300, 60, 0),
		Tolerance:      pick(random, 0.1, 0.1, 0.1, 0, 0.25),
		steps:          20 + random.IntN(30),
	}
	sequence.start = sequence.Min + random.Int32N(sequence.Max-sequence.Min+1)
	for range pick(random, 1, 1, 1, 2, 3) {
		sequence.Metrics = append(sequence.Metrics, Metric{
			Type: pick(random, autoscalingv2.AverageValueMetricType,
				autoscalingv2.AverageValueMetricType, autoscalingv2.ValueMetricType),
			Target: pick[int64](random, 1000, 1000, 2000, 10000, 20000, 500, 333),
		})
	}
	if number%3 != 0 {
		sequence.Behavior = drawBehavior(random)
	}
	return sequence
}

func drawBehavior(random *rand.Rand) *autoscalingv2.HorizontalPodAutoscalerBehavior {
	behavior := autoscalingv2.HorizontalPodAutoscalerBehavior{}
	if random.IntN(4) > 0 {
		behavior.ScaleUp = drawRules(random, []int32{0, 0, 30, 60, 180})
	}
	if random.IntN(4) > 0 {
		behavior.ScaleDown = drawRules(random, []int32{0, 0, 60, 300, 600})
	}
	return stored(&behavior)
}

func drawRules(random *rand.Rand, windows []int32) *autoscalingv2.HPAScalingRules {
	rules := autoscalingv2.HPAScalingRules{}
	if random.IntN(3) > 0 {
		window := pick(random, windows...)
		rules.StabilizationWindowSeconds = &window
	}
	if random.IntN(2) > 0 {
		policy := pick(random, autoscalingv2.MaxChangePolicySelect, autoscalingv2.MaxChangePolicySelect,
			autoscalingv2.MinChangePolicySelect, autoscalingv2.MinChangePolicySelect,
			autoscalingv2.DisabledPolicySelect)
		rules.SelectPolicy = &policy
	}
	if random.IntN(4) == 0 {
		tolerance := resource.MustParse(pick(random, "0", "0.05", "0.07", "0.3", "15m"))
		rules.Tolerance = &tolerance
	}
	if random.IntN(3) > 0 {
		for range 1 + random.IntN(3) {
			policy := autoscalingv2.HPAScalingPolicy{
				Type:          autoscalingv2.PodsScalingPolicy,
				Value:         1 + random.Int32N(20),
				PeriodSeconds: pick[int32](random, 15, 15, 30, 60, 120, 300),
			}
			if random.IntN(2) == 0 {
				policy.Type = autoscalingv2.PercentScalingPolicy
				policy.Value = pick[int32](random, 5, 10, 33, 50, 100, 300)
			}
			rules.Policies = append(rules.Policies, policy)
		}
	}
	return &rules
}

// stored is the behaviour after a trip through the API: a quantity comes back in canonical form.
func stored(
	behavior *autoscalingv2.HorizontalPodAutoscalerBehavior,
) *autoscalingv2.HorizontalPodAutoscalerBehavior {
	text, err := json.Marshal(behavior)
	if err != nil {
		panic(err)
	}
	back := &autoscalingv2.HorizontalPodAutoscalerBehavior{}
	if err := json.Unmarshal(text, back); err != nil {
		panic(err)
	}
	return back
}

// load is the demand on a target over time, and what else happens to it.
type load struct {
	random   *rand.Rand
	sequence Sequence
	wanted   float64
}

func newLoad(random *rand.Rand, sequence Sequence) *load {
	return &load{random: random, sequence: sequence, wanted: float64(sequence.start)}
}

func (l *load) next(replicas int32) Step {
	l.move(replicas)
	step := Step{Spec: l.spec(replicas)}
	step.Status = l.status(step.Spec)
	step.Ready = step.Status
	if l.random.IntN(5) == 0 {
		step.Ready = l.random.Int32N(step.Status + 1)
	}
	for _, metric := range l.sequence.Metrics {
		step.Values = append(step.Values, l.series(metric, step.Status))
	}
	return step
}

// move lets the demand wander, jump, vanish, or stand where the tolerance ends.
func (l *load) move(replicas int32) {
	switch l.random.IntN(10) {
	case 0:
		l.wanted = float64(l.random.Int32N(l.sequence.Max * 2))
	case 1:
		l.wanted = 0
	case 2:
		l.wanted = float64(replicas) * 1.1
	case 3:
		l.wanted = float64(replicas) * 0.9
	case 4:
		l.wanted = float64(replicas)
	default:
		l.wanted = max(l.wanted, 1+3*l.random.Float64())
		l.wanted *= 0.7 + 0.65*l.random.Float64()
	}
}

// spec is what the controller wrote last, unless somebody else has written since.
func (l *load) spec(replicas int32) int32 {
	switch l.random.IntN(25) {
	case 0:
		return l.random.Int32N(l.sequence.Max + 5)
	case 1:
		return 0
	}
	if replicas == 0 {
		return l.sequence.Min
	}
	return replicas
}

// status lags behind a change, and exceeds the spec while a new version is rolled out.
func (l *load) status(spec int32) int32 {
	switch l.random.IntN(6) {
	case 0:
		return spec + (spec+3)/4
	case 1:
		return l.random.Int32N(spec + 1)
	}
	return spec
}

func (l *load) series(metric Metric, status int32) []int64 {
	if l.random.IntN(15) == 0 {
		return nil
	}
	total := int64(l.wanted * float64(metric.Target))
	if metric.Type == autoscalingv2.ValueMetricType && status > 0 {
		total = int64(l.wanted * float64(metric.Target) / float64(status))
	}
	if l.random.IntN(2) == 0 {
		total -= total % 1000
	}
	if l.random.IntN(6) > 0 {
		return []int64{total}
	}
	part := l.random.Int64N(total + 1)
	return []int64{part, total - part}
}
