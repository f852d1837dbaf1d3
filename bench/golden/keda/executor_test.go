package keda

import (
	"context"
	"math/rand/v2"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/scaling/executor"
)

// Object is the first line of each sequence: what a ScaledObject says about zero.
type Object struct {
	Sequence  int    `json:"sequence"`
	Min       *int32 `json:"min"`
	Idle      *int32 `json:"idle"`
	CooldownS *int32 `json:"cooldown_s"`
	Fallback  bool   `json:"fallback"`
}

// Poll is one call of the executor: what it finds, and the replicas after it.
type Poll struct {
	At       int   `json:"at"`
	Replicas int32 `json:"replicas"`
	Active   bool  `json:"active"`
	Error    bool  `json:"error"`
	Desired  int32 `json:"desired"`
}

func drawObject(random *rand.Rand, number int) Object {
	object := Object{Sequence: number, Fallback: random.IntN(3) == 0}
	if random.IntN(3) > 0 {
		minimum := random.Int32N(4)
		object.Min = &minimum
	}
	if object.Min != nil && *object.Min > 0 && random.IntN(2) == 0 {
		object.Idle = new(int32)
	}
	if random.IntN(2) == 0 {
		cooldown := 30 * random.Int32N(8)
		object.CooldownS = &cooldown
	}
	return object
}

// polls replays a target that is busy for a while, then idle, and sometimes touched by others.
func (o Object) polls(random *rand.Rand) []Poll {
	target := &target{}
	scaled := o.scaledObject()
	scaleExecutor := executor.NewScaleExecutor(
		target, target, nil, time.Second, events.NewFakeRecorder(1000))
	started := time.Now()
	polls := make([]Poll, 25)
	active := random.IntN(2) == 0
	for number := range polls {
		time.Sleep(time.Duration(15*(1+random.IntN(6))) * time.Second)
		if random.IntN(6) == 0 {
			active = !active
		}
		if random.IntN(5) == 0 {
			target.replicas = random.Int32N(6)
		}
		poll := Poll{
			At:       int(time.Since(started) / time.Second),
			Replicas: target.replicas,
			Active:   active,
			Error:    random.IntN(8) == 0,
		}
		result := scaleExecutor.RequestScale(
			context.Background(), scaled, poll.Active, poll.Error, executor.ScaleExecutorOptions{})
		if result.LastActiveTime != nil {
			scaled.Status.LastActiveTime = result.LastActiveTime
		}
		poll.Desired = target.replicas
		polls[number] = poll
	}
	return polls
}

func (o Object) scaledObject() *kedav1alpha1.ScaledObject {
	scaled := &kedav1alpha1.ScaledObject{
		ObjectMeta: metav1.ObjectMeta{
			Name: "workers", Namespace: "default", CreationTimestamp: metav1.Now(),
		},
		Spec: kedav1alpha1.ScaledObjectSpec{
			ScaleTargetRef:   &kedav1alpha1.ScaleTarget{Name: "workers"},
			MinReplicaCount:  o.Min,
			IdleReplicaCount: o.Idle,
			CooldownPeriod:   o.CooldownS,
		},
		Status: kedav1alpha1.ScaledObjectStatus{
			ScaleTargetGVKR: &kedav1alpha1.GroupVersionKindResource{
				Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments",
			},
			Conditions: *kedav1alpha1.GetInitializedConditions(),
		},
	}
	if o.Fallback {
		scaled.Spec.Fallback = &kedav1alpha1.Fallback{FailureThreshold: 3, Replicas: 2}
	}
	return scaled
}

// target is the Deployment as the executor reads and writes it.
type target struct {
	client.Client
	replicas int32
}

func (t *target) Scales(string) scale.ScaleInterface { return deploymentScale{target: t} }

func (t *target) Get(
	_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption,
) error {
	if deployment, ok := object.(*appsv1.Deployment); ok {
		deployment.Spec.Replicas = &t.replicas
	}
	return nil
}

type deploymentScale struct {
	scale.ScaleInterface
	target *target
}

func (s deploymentScale) Get(
	context.Context, schema.GroupResource, string, metav1.GetOptions,
) (*autoscalingv1.Scale, error) {
	return &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: s.target.replicas}}, nil
}

func (s deploymentScale) Update(
	_ context.Context, _ schema.GroupResource, wanted *autoscalingv1.Scale, _ metav1.UpdateOptions,
) (*autoscalingv1.Scale, error) {
	s.target.replicas = wanted.Spec.Replicas
	return wanted, nil
}
