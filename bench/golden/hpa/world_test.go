package hpa

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
	_ "unsafe" // go:linkname

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const (
	namespace = "default"
	name      = "workers"
	syncEvery = 15 * time.Second
)

// One turn of the controller's own loop. It is not exported, and Run would choose the moments.
//
//go:linkname reconcileKey k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).reconcileKey
func reconcileKey(*podautoscaler.HorizontalController, context.Context, string) (bool, error)

type world struct {
	ctx        context.Context
	controller *podautoscaler.HorizontalController
	pods       cache.Indexer
	scale      *autoscalingv1.Scale
	values     map[string][]int64
}

func newWorld(t *testing.T, ctx context.Context, sequence Sequence) *world {
	t.Helper()
	hpa := object(sequence)
	client := fake.NewSimpleClientset(hpa)
	factory := informers.NewSharedInformerFactory(client, 0)
	hpas := factory.Autoscaling().V2().HorizontalPodAutoscalers()
	pods := factory.Core().V1().Pods()
	if err := hpas.Informer().GetIndexer().Add(hpa); err != nil {
		t.Fatal(err)
	}
	deployments := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{deployments})
	mapper.Add(deployments.WithKind("Deployment"), meta.RESTScopeNamespace)
	w := &world{
		ctx:  ctx,
		pods: pods.Informer().GetIndexer(),
		scale: &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       autoscalingv1.ScaleSpec{Replicas: sequence.start},
			Status:     autoscalingv1.ScaleStatus{Selector: "app=" + name},
		},
	}
	w.controller = podautoscaler.NewHorizontalController(
		ctx, client.CoreV1(), w, client.AutoscalingV2(), mapper, w, hpas, pods, syncEvery,
		time.Duration(sequence.StabilizationS)*time.Second, sequence.Tolerance,
		5*time.Minute, 30*time.Second,
	)
	return w
}

// object is what the controller would read: written, given its defaults, stored, read again.
func object(sequence Sequence) *autoscalingv2.HorizontalPodAutoscaler {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{
				APIVersion: "apps/v1", Kind: "Deployment", Name: name,
			},
			MinReplicas: &sequence.Min,
			MaxReplicas: sequence.Max,
			Behavior:    sequence.Behavior.DeepCopy(),
		},
	}
	for number, metric := range sequence.Metrics {
		hpa.Spec.Metrics = append(hpa.Spec.Metrics, metric.spec(number))
	}
	defaults.SetDefaults_HorizontalPodAutoscaler(hpa)
	return hpa
}

// reconcile sets the stage for one turn, runs it and notes what was written.
func (w *world) reconcile(step *Step) {
	w.scale.Spec.Replicas = step.Spec
	w.scale.Status.Replicas = step.Status
	w.values = map[string][]int64{}
	for number, series := range step.Values {
		w.values[metricName(number)] = series
	}
	w.populate(int(step.Status), int(step.Ready))
	// Its error is a condition for people; what it wrote is what counts here.
	_, _ = reconcileKey(w.controller, w.ctx, namespace+"/"+name)
	step.Desired = w.scale.Spec.Replicas
}

func (w *world) populate(count, ready int) {
	pods := make([]any, count)
	for number := range pods {
		condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse}
		if number < ready {
			condition.Status = corev1.ConditionTrue
		}
		pods[number] = &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace,
				Name:      fmt.Sprintf("%s-%d", name, number),
				Labels:    map[string]string{"app": name},
			},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{condition},
			},
		}
	}
	if err := w.pods.Replace(pods, ""); err != nil {
		panic(err)
	}
}

// stop ends the goroutines of the constructor: the queue's by Run, the recorder's by the context.
func (w *world) stop(cancelled context.Context) {
	w.controller.Run(cancelled, 0)
}

// The scale subresource.

func (w *world) Scales(string) scaleclient.ScaleInterface { return w }

func (w *world) Get(
	context.Context, schema.GroupResource, string, metav1.GetOptions,
) (*autoscalingv1.Scale, error) {
	return w.scale.DeepCopy(), nil
}

func (w *world) Update(
	_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions,
) (*autoscalingv1.Scale, error) {
	w.scale.Spec.Replicas = scale.Spec.Replicas
	return w.scale.DeepCopy(), nil
}

func (w *world) Patch(
	context.Context, schema.GroupVersionResource, string, types.PatchType, []byte, metav1.PatchOptions,
) (*autoscalingv1.Scale, error) {
	return nil, errors.New("the controller does not patch")
}

// The metrics client.

var errUnused = errors.New("only external metrics are asked for")

func (w *world) GetExternalMetric(
	metric, _ string, _ labels.Selector,
) ([]int64, time.Time, error) {
	if series := w.values[metric]; series != nil {
		return series, time.Now(), nil
	}
	return nil, time.Time{}, errors.New("the source of the metric is away")
}

func (w *world) GetResourceMetric(
	context.Context, corev1.ResourceName, string, labels.Selector, string,
) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errUnused
}

func (w *world) GetRawMetric(
	string, string, labels.Selector, labels.Selector,
) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errUnused
}

func (w *world) GetObjectMetric(
	string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector,
) (int64, time.Time, error) {
	return 0, time.Time{}, errUnused
}
