package cron
import (
 _ "github.com/kedacore/keda/v2/pkg/scalers"
)
