"""A NeurocardsScaling object that uses every field, for the reader and for the schema."""

from __future__ import annotations

EVERYTHING = """
apiVersion: neurocards.io/v1alpha1
kind: NeurocardsScaling
metadata: {name: workers, namespace: shop, labels: {team: cards}}
status: {replicas: 3}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: renderers}
  pool: default
  mode: Observe
  replicas: {min: 1, base: 2, max: 100}
  jobsPerReplica: 7
  queue:
    steps: [{queuedAbove: 100, add: 10}, {queuedAbove: 500, add: 20}]
    waitSteps: [{waitAbove: 15m, add: 10}]
    levels: [{queuedAbove: 200, replicas: 50}, {queuedBelow: 10, replicas: 10}]
  slo: {percentile: 90, wait: 10s, headroom: Disabled}
  schedules:
    - {name: evening, timeZone: Europe/Moscow, start: "0 19 * * *", end: "0 23 * * *", min: 50}
    - name: eve
      timeZone: Europe/Moscow
      start: "2026-12-31T18:00"
      end: "2027-01-01T04:00"
      max: 9
  forecast: {mode: Auto, horizon: 30m}
  idle: {after: 1h30m, factor: "0.25"}
  behavior: {scaleUp: {hold: 5s}, scaleDown: {hold: 1m30s, maxPercent: 50}}
  limits: {providerConcurrency: Auto, replicaHoursPerDay: 480}
  evaluation: {interval: 20s, staleAfter: 90s}
  override: {replicas: 0, until: "2026-12-31T20:00:00Z"}
"""
