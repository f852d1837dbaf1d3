{{/* Parts of pods. */}}

{{- define "neurocards.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ default 10001 .uid }}
runAsGroup: {{ default 10001 .uid }}
fsGroup: {{ default 10001 .uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "neurocards.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ if kindIs "map" . }}{{ not .writable }}{{ else }}true{{ end }}
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "neurocards.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where pods may run; pods of one component are spread unless told otherwise.
Takes {root, values, component}. */}}
{{- define "neurocards.scheduling" -}}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "neurocards.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Holds a pod back until the schema is there. Takes {root, image, user}. */}}
{{- define "neurocards.schemaWait" -}}
- name: schema
  image: {{ .image }}
  imagePullPolicy: {{ .root.Values.images.pullPolicy }}
  command: [neurocards, migrate, wait, --timeout, {{ .root.Values.migrations.waitSeconds | quote }}]
  env:
    {{- include "neurocards.databaseEnv" (dict "root" .root "user" .user) | nindent 4 }}
  securityContext:
    {{- include "neurocards.containerSecurity" . | nindent 4 }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  volumeMounts:
    - {name: scratch, mountPath: /tmp}
    {{- include "neurocards.databaseMounts" .root | nindent 4 }}
{{- end -}}

{{/* Probes on the port of the metrics. /livez asks nobody else. /readyz asks the database, whose schema
must be new enough: of a bot that alone, since an order waits there for everything else; of a worker NATS
as well; of an operator NATS and the API server. */}}
{{- define "neurocards.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "neurocards.databaseMounts" -}}
{{- if include "neurocards.databaseCaSecret" . }}
- {name: postgres-authority, mountPath: /etc/postgres-authority, readOnly: true}
{{- end }}
{{- end -}}

{{- define "neurocards.databaseVolumes" -}}
{{- with include "neurocards.databaseCaSecret" . }}
{{- /* The certificate alone: in the Secret of CloudNativePG the authority's private key lies beside it. */}}
- name: postgres-authority
  secret:
    secretName: {{ . }}
    items: [{key: {{ $.Values.database.caKey | quote }}, path: {{ $.Values.database.caKey | quote }}}]
{{- end }}
{{- end -}}

{{- define "neurocards.natsMounts" -}}
{{- if and .Values.nats.credentialsSecret (eq (include "neurocards.natsMode" .) "external") }}
- {name: nats-credentials, mountPath: /etc/nats-credentials, readOnly: true}
{{- end }}
{{- end -}}

{{- define "neurocards.natsVolumes" -}}
{{- if and .Values.nats.credentialsSecret (eq (include "neurocards.natsMode" .) "external") }}
- name: nats-credentials
  secret: {secretName: {{ .Values.nats.credentialsSecret }}}
{{- end }}
{{- end -}}

{{/* The annotations of a pod: those of the values, and what must restart it when it changes.
Takes {root, values}. */}}
{{- define "neurocards.podAnnotations" -}}
checksum/secrets: {{ toJson (list .root.Values.secrets .root.Values.database.users .root.Values.nats) | sha256sum }}
{{- with .values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}
