package keda

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
)

const desired = 7

// Window is the first line of each sequence: a cron trigger.
type Window struct {
	Sequence int    `json:"sequence"`
	Start    string `json:"start"`
	End      string `json:"end"`
	Timezone string `json:"timezone"`
	Refused  bool   `json:"refused,omitempty"`
}

// Answer is the metric at a moment, in seconds of Unix time; 0 outside the window.
type Answer struct {
	At    int64 `json:"at"`
	Value int64 `json:"value"`
}

func (w Window) scaler() (scalers.Scaler, error) {
	return scalers.NewCronScaler(&scalersconfig.ScalerConfig{
		TriggerMetadata: map[string]string{
			"start": w.Start, "end": w.End, "timezone": w.Timezone,
			"desiredReplicas": strconv.Itoa(desired),
		},
	})
}

// windows are the usual ones, and those that a change of the clocks, a month or a leap year touches.
func windows() []Window {
	zones := []string{
		"UTC", "Europe/Moscow", "Europe/Berlin", "Europe/London", "America/New_York",
		"Africa/Cairo", "Australia/Lord_Howe", "America/Havana", "Pacific/Chatham",
	}
	pairs := [][2]string{
		{"0 19 * * *", "0 23 * * *"},
		{"0 22 * * *", "0 6 * * *"},
		{"30 2 * * *", "0 6 * * *"},
		{"0 22 * * *", "30 2 * * *"},
		{"30 1 * * *", "15 3 * * *"},
		{"0 0 * * *", "0 1 * * *"},
		{"30 0 * * 5,SAT", "45 23 * * 0"},
		{"0 9 * * 4", "0 9 * * 5"},
		{"0 9 * * SAT", "0 9 * * 0"},
	}
	rare := [][2]string{
		{"0 8 * * 1-5", "0 18 * * 1-5"},
		{"*/20 * * * *", "10-59/20 * * * *"},
		{"0 0 1 * *", "0 0 2 * *"},
		{"0 0 30 2 *", "0 6 * * *"},
		{"0 6 * * *", "0 0 30 2 *"},
		{"0 12 29 FEB *", "0 13 1 mar ?"},
		{"0 9 13 * 5", "0 17 13 * 5"},
		{"5/15 * * * *", "0 * * * *"},
		{"0 6 */2 * 1", "0 18 */2 * 1"},
		{"0 6 ? * 1-5/2", "0 18 1-31/3 * *"},
		{"0 0 30 2 *", "0 1 30 2 *"},
		{"0 6 * * *", "00 6 * * *"},
		{"0 0 31 */2 *", "0 0 1 */3 *"},
	}
	faulty := [][2]string{
		{"0 24 * * *", "0 6 * * *"}, {"0 6 * * *", "0 6 * * *"}, {"60 1 * * *", "0 2 * * *"},
		{"0 6 * *", "0 7 * * *"}, {"@daily", "0 7 * * *"}, {"0 6 * * 7", "0 7 * * *"},
		{"0 6-4 * * *", "0 7 * * *"}, {"*/0 * * * *", "0 7 * * *"}, {"x * * * *", "0 7 * * *"},
		{"1-2-3 * * * *", "0 7 * * *"}, {"1/2/3 * * * *", "0 7 * * *"}, {"0 6 0 * *", "0 7 * * *"},
		{"0 6 * MAI *", "0 7 * * *"}, {"-1 6 * * *", "0 7 * * *"},
	}
	var all []Window
	for _, zone := range zones {
		for _, pair := range pairs {
			all = append(all, Window{Start: pair[0], End: pair[1], Timezone: zone})
		}
	}
	for number, pair := range slices.Concat(rare, faulty) {
		zone := zones[number%len(zones)]
		all = append(all, Window{Start: pair[0], End: pair[1], Timezone: zone})
	}
	return all
}

// moments lie around every change of the clocks of 2024 to 2026, and some anywhere.
func (w Window) moments(random *rand.Rand) []time.Time {
	location, err := time.LoadLocation(w.Timezone)
	if err != nil {
		panic(err)
	}
	var moments []time.Time
	first := time.Date(2024, 1, 1, 0, 0, 0, 0, location)
	for day := range 3 * 365 {
		noon := first.AddDate(0, 0, day).Add(12 * time.Hour)
		_, before := noon.AddDate(0, 0, -1).Zone()
		if _, after := noon.Zone(); before != after {
			for range 10 {
				shift := time.Duration(random.IntN(60*60)) * time.Minute
				moments = append(moments, noon.Add(-48*time.Hour).Add(shift))
			}
		}
	}
	for range 12 {
		shift := time.Duration(random.Int64N(3*365*24*3600)) * time.Second
		moments = append(moments, first.Add(shift))
		moments = append(moments, first.Add(shift).Truncate(time.Hour))
	}
	slices.SortFunc(moments, time.Time.Compare)
	return moments
}

func ask(t *testing.T, scaler scalers.Scaler, moment time.Time) Answer {
	t.Helper()
	time.Sleep(time.Until(moment))
	metrics, active, err := scaler.GetMetricsAndActivity(t.Context(), "cron")
	if err != nil {
		t.Fatal(err)
	}
	value := metrics[0].Value.Value()
	if active != (value == desired) {
		t.Fatalf("active is %v while the metric is %d", active, value)
	}
	return Answer{At: time.Now().Unix(), Value: value}
}
