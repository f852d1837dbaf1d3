{{/* Names and labels. */}}

{{- define "neurocards.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "neurocards.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "neurocards.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "neurocards.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes: selectors. Takes {root, component}. */}}
{{- define "neurocards.selector" -}}
app.kubernetes.io/name: {{ include "neurocards.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* All labels of an object. Takes {root, component}. */}}
{{- define "neurocards.labels" -}}
{{ include "neurocards.selector" . }}
app.kubernetes.io/part-of: neurocards
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image. Takes {root, name, tag?}; the images of others have a tag of their own. */}}
{{- define "neurocards.image" -}}
{{- $images := .root.Values.images -}}
{{- $image := index $images .name -}}
{{- $tag := default (default (default .root.Chart.AppVersion $images.tag) $image.tag) .tag -}}
{{- with $images.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{- $image.repository -}}
{{- if and $image.digest (not .tag) }}@{{ $image.digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end -}}

{{- define "neurocards.databaseMode" -}}
{{- default (ternary "demo" "external" .Values.demo.enabled) .Values.database.mode -}}
{{- end -}}

{{- define "neurocards.natsMode" -}}
{{- default (ternary "demo" "external" .Values.demo.enabled) .Values.nats.mode -}}
{{- end -}}

{{- define "neurocards.botMode" -}}
{{- $called := or .Values.publicBaseUrl .Values.demo.enabled -}}
{{- default (ternary "webhook" "polling" (not (empty $called))) .Values.bot.mode -}}
{{- end -}}

{{/* Where Telegram and the provider reach the bot; the demo's simulators know the way themselves. */}}
{{- define "neurocards.publicBaseUrl" -}}
{{- $invented := ternary "https://neurocards.invalid" "" .Values.demo.enabled -}}
{{- default $invented .Values.publicBaseUrl | trimSuffix "/" -}}
{{- end -}}

{{- define "neurocards.publicHost" -}}
{{- (urlParse (include "neurocards.publicBaseUrl" .)).host | splitList ":" | first -}}
{{- end -}}

{{- define "neurocards.secretName" -}}
{{- default (include "neurocards.fullname" .) .Values.secrets.existingSecret -}}
{{- end -}}

{{- define "neurocards.databaseHost" -}}
{{- $mode := include "neurocards.databaseMode" . -}}
{{- if eq $mode "external" -}}{{ .Values.database.external.host }}
{{- else if eq $mode "cnpg" -}}{{ include "neurocards.fullname" . }}-postgres-rw
{{- else -}}{{ include "neurocards.fullname" . }}-postgres{{- end -}}
{{- end -}}

{{- define "neurocards.databasePort" -}}
{{- ternary .Values.database.external.port 5432 (eq (include "neurocards.databaseMode" .) "external") -}}
{{- end -}}

{{/* Not empty where the server must show a certificate that we trust; the demo's has none. */}}
{{- define "neurocards.databaseIsVerified" -}}
{{- if and (hasPrefix "verify-" .Values.database.sslMode) (ne (include "neurocards.databaseMode" .) "demo") -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the authority that signed the server's certificate; CloudNativePG makes one. */}}
{{- define "neurocards.databaseCaSecret" -}}
{{- if include "neurocards.databaseIsVerified" . -}}
{{- $made := ternary (printf "%s-postgres-ca" (include "neurocards.fullname" .)) "" (eq (include "neurocards.databaseMode" .) "cnpg") -}}
{{- default $made .Values.database.caSecret -}}
{{- end -}}
{{- end -}}

{{/* The file with that authority: asyncpg looks for one and does not know the system's by itself. */}}
{{- define "neurocards.databaseAuthority" -}}
{{- if include "neurocards.databaseIsVerified" . -}}
{{- ternary (printf "/etc/postgres-authority/%s" .Values.database.caKey) "/etc/ssl/certs/ca-certificates.crt" (not (empty (include "neurocards.databaseCaSecret" .))) -}}
{{- end -}}
{{- end -}}

{{/* The name of the policy: one namespace may hold a release for each pool. */}}
{{- define "neurocards.scalingName" -}}
{{- default (ternary "workers" (printf "workers-%s" .Values.pool) (eq .Values.pool "default")) .Values.scaling.name -}}
{{- end -}}

{{/* The Secret with the password of a role. Takes {root, user}. */}}
{{- define "neurocards.databaseSecret" -}}
{{- $user := index .root.Values.database.users .user -}}
{{- default (printf "%s-database-%s" (include "neurocards.fullname" .root) .user) $user.existingSecret -}}
{{- end -}}

{{- define "neurocards.databasePasswordKey" -}}
{{- $user := index .root.Values.database.users .user -}}
{{- ternary $user.passwordKey "password" (not (empty $user.existingSecret)) -}}
{{- end -}}

{{- define "neurocards.natsUrl" -}}
{{- if eq (include "neurocards.natsMode" .) "demo" -}}
nats://{{ include "neurocards.fullname" . }}-nats:4222
{{- else -}}
{{ .Values.nats.url }}
{{- end -}}
{{- end -}}

{{/* A value that is made by chance once and found again at every upgrade. Takes {root, name, key}. */}}
{{- define "neurocards.kept" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- $data := default dict (default dict $found).data -}}
{{- if hasKey $data .key -}}
{{- index $data .key | b64dec -}}
{{- else -}}
{{- printf "k%s" (randAlphaNum 31) -}}
{{- end -}}
{{- end -}}
