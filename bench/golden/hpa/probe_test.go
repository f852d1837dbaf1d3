package hpa
import (
 _ "k8s.io/kubernetes/pkg/controller/podautoscaler"
 _ "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
 _ "k8s.io/client-go/kubernetes/fake"
)
