{{/* Environment variables as YAML lists; docs/settings.md says what each one means. */}}

{{/* `base` with the entries of `extra` in it: one entry per name, the extra one wins. Server-side
apply refuses a name that comes twice. Takes {base, extra}; gives YAML. */}}
{{- define "neurocards.mergedEnv" -}}
{{- $given := dict -}}
{{- range .extra }}{{- $_ := set $given .name . -}}{{- end -}}
{{- $merged := list -}}
{{- $seen := dict -}}
{{- range fromYamlArray .base -}}
{{- $merged = append $merged (default . (get $given .name)) -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- range .extra -}}
{{- if not (hasKey $seen .name) -}}
{{- $merged = append $merged (get $given .name) -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end -}}

{{/* One entry out of a Secret. Takes {name, secret, key, optional}. */}}
{{- define "neurocards.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}

{{/* The way to PostgreSQL. Takes {root, user}. */}}
{{- define "neurocards.databaseEnv" -}}
- {name: DB_HOST, value: {{ include "neurocards.databaseHost" .root | quote }}}
- {name: DB_PORT, value: {{ include "neurocards.databasePort" .root | quote }}}
- {name: DB_NAME, value: {{ .root.Values.database.name | quote }}}
- {name: DB_USER, value: {{ (index .root.Values.database.users .user).name | quote }}}
{{ include "neurocards.secretEnv" (dict "name" "DB_PASS" "secret" (include "neurocards.databaseSecret" .) "key" (include "neurocards.databasePasswordKey" .)) }}
- {name: PGSSLMODE, value: {{ ternary "disable" .root.Values.database.sslMode (eq (include "neurocards.databaseMode" .root) "demo") | quote }}}
{{- with include "neurocards.databaseAuthority" .root }}
- {name: PGSSLROOTCERT, value: {{ . | quote }}}
{{- end }}
{{- if not .root.Values.database.preparedStatements }}
- {name: NEUROCARDS_DB_STATEMENT_CACHE_SIZE, value: "0"}
{{- end }}
{{- end -}}

{{/* The size of the pool. Takes the component's `database` values. */}}
{{- define "neurocards.poolEnv" -}}
- {name: DB_POOL_SIZE, value: {{ .poolSize | quote }}}
- {name: DB_MAX_OVERFLOW, value: {{ .maxOverflow | quote }}}
{{- end -}}

{{/* The way to NATS. Takes the root. */}}
{{- define "neurocards.natsEnv" -}}
- {name: NEUROCARDS_NATS_URL, value: {{ include "neurocards.natsUrl" . | quote }}}
{{- if eq (include "neurocards.natsMode" .) "demo" }}
- {name: NEUROCARDS_NATS_USER, value: neurocards}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_NATS_PASSWORD" "secret" (printf "%s-nats" (include "neurocards.fullname" .)) "key" "password") }}
{{- else if .Values.nats.credentialsSecret }}
- {name: NEUROCARDS_NATS_CREDENTIALS_FILE, value: {{ printf "/etc/nats-credentials/%s" .Values.nats.credentialsKey | quote }}}
{{- else if .Values.nats.user }}
- {name: NEUROCARDS_NATS_USER, value: {{ .Values.nats.user | quote }}}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_NATS_PASSWORD" "secret" (default (printf "%s-nats" (include "neurocards.fullname" .)) .Values.nats.existingSecret) "key" (ternary .Values.nats.passwordKey "password" (not (empty .Values.nats.existingSecret)))) }}
{{- end }}
- {name: NEUROCARDS_NATS_REPLICAS, value: {{ .Values.nats.streamReplicas | quote }}}
- {name: NEUROCARDS_POOL, value: {{ .Values.pool | quote }}}
{{- end -}}

{{/* Logs, probes and the name of the pod. Takes the root. */}}
{{- define "neurocards.telemetryEnv" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: NEUROCARDS_LOG_FORMAT, value: json}
- {name: NEUROCARDS_LOG_LEVEL, value: {{ .Values.log.level | quote }}}
- {name: NEUROCARDS_METRICS_PORT, value: "9090"}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_LOG_USER_KEY" "secret" (include "neurocards.secretName" .) "key" "log-user-key" "optional" true) }}
{{- end -}}

{{/* What bot and worker must agree on. Takes the root. */}}
{{- define "neurocards.sharedEnv" -}}
{{- $secret := include "neurocards.secretName" . -}}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_TELEGRAM_TOKENS" "secret" $secret "key" "telegram-tokens") }}
{{- $api := ternary (printf "http://%s-sandbox:8081" (include "neurocards.fullname" .)) .Values.telegram.apiUrl .Values.demo.enabled }}
{{- with $api }}
- {name: NEUROCARDS_TELEGRAM_API_URL, value: {{ . | quote }}}
{{- end }}
{{- with include "neurocards.publicBaseUrl" . }}
- {name: PUBLIC_BASE_URL, value: {{ . | quote }}}
{{- end }}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_CALLBACK_SECRET" "secret" $secret "key" "callback-secret" "optional" true) }}
{{- if .Values.demo.enabled }}
- {name: NEUROCARDS_RENDER_EXPECTED_S, value: {{ divf 300 .Values.demo.timeFactor | quote }}}
{{- end }}
{{- end -}}

{{- define "neurocards.botEnv" -}}
{{- $secret := include "neurocards.secretName" . -}}
{{- $mode := include "neurocards.botMode" . -}}
{{ include "neurocards.databaseEnv" (dict "root" . "user" "bot") }}
{{ include "neurocards.poolEnv" .Values.bot.database }}
{{ include "neurocards.natsEnv" . }}
{{ include "neurocards.telemetryEnv" . }}
{{ include "neurocards.sharedEnv" . }}
- {name: MODE, value: {{ $mode }}}
{{- if eq $mode "webhook" }}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_WEBHOOK_SECRET" "secret" $secret "key" "webhook-secret") }}
{{- end }}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_KIE_WEBHOOK_KEY" "secret" $secret "key" "kie-webhook-key" "optional" true) }}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_ADMIN_TOKEN" "secret" $secret "key" "admin-token" "optional" true) }}
- {name: NEUROCARDS_HTTP_PORT, value: "10000"}
- {name: BOT_CONNECTION_POOL_SIZE, value: {{ .Values.bot.telegramConnections | quote }}}
- {name: NEUROCARDS_DIALOGUES_AT_ONCE, value: {{ .Values.bot.dialoguesAtOnce | quote }}}
- {name: NEUROCARDS_WELCOME_CREDITS, value: {{ ternary .Values.demo.welcomeCredits .Values.bot.welcomeCredits .Values.demo.enabled | quote }}}
{{- with .Values.bot.prices }}
- {name: NEUROCARDS_PRICES, value: {{ . | quote }}}
{{- end }}
{{- with .Values.bot.supportHandle }}
- {name: NEUROCARDS_SUPPORT_HANDLE, value: {{ . | quote }}}
{{- end }}
- {name: NEUROCARDS_WORKERS_CONFIGURED, value: {{ ternary .Values.scaling.spec.replicas.base (ternary 1 .Values.worker.replicas (kindIs "invalid" .Values.worker.replicas)) .Values.scaling.enabled | quote }}}
{{- end -}}

{{- define "neurocards.workerEnv" -}}
{{- $secret := include "neurocards.secretName" . -}}
{{- $sandbox := printf "http://%s-sandbox" (include "neurocards.fullname" .) -}}
{{ include "neurocards.databaseEnv" (dict "root" . "user" "worker") }}
{{ include "neurocards.poolEnv" .Values.worker.database }}
{{ include "neurocards.natsEnv" . }}
{{ include "neurocards.telemetryEnv" . }}
{{ include "neurocards.sharedEnv" . }}
- {name: WORKER_CONCURRENCY, value: {{ .Values.worker.concurrency | quote }}}
- {name: NEUROCARDS_PHOTO_PROCESSES, value: {{ .Values.worker.photoProcesses | quote }}}
{{ include "neurocards.secretEnv" (dict "name" "KIE_API_KEY" "secret" $secret "key" "kie-api-keys") }}
{{- with .Values.worker.kie.account }}
- {name: KIE_API_KEY_ACCOUNT, value: {{ . | quote }}}
{{- end }}
{{ include "neurocards.secretEnv" (dict "name" "NEUROCARDS_OPENAI_API_KEY" "secret" $secret "key" "openai-api-key") }}
- {name: NEUROCARDS_KIE_CREATES_PER_WINDOW, value: {{ .Values.worker.kie.createsPerWindow | quote }}}
{{- with ternary (printf "%s:8082" $sandbox) .Values.worker.kie.apiUrl .Values.demo.enabled }}
- {name: NEUROCARDS_KIE_API_URL, value: {{ . | quote }}}
{{- end }}
{{- with ternary (printf "%s:8082" $sandbox) .Values.worker.kie.uploadUrl .Values.demo.enabled }}
- {name: NEUROCARDS_KIE_UPLOAD_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.demo.enabled }}
- {name: NEUROCARDS_KIE_TRUSTED_ORIGINS, value: {{ printf "%s:8082" $sandbox | quote }}}
{{- end }}
{{- with .Values.worker.kie.model }}
- {name: NEUROCARDS_KIE_MODEL, value: {{ . | quote }}}
{{- end }}
{{- with ternary (printf "%s:8083/v1" $sandbox) .Values.worker.openai.baseUrl .Values.demo.enabled }}
- {name: NEUROCARDS_OPENAI_BASE_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.worker.openai.model }}
- {name: NEUROCARDS_OPENAI_MODEL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.bot.supportHandle }}
- {name: NEUROCARDS_SUPPORT_HANDLE, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "neurocards.operatorEnv" -}}
{{ include "neurocards.databaseEnv" (dict "root" . "user" "operator") }}
{{ include "neurocards.poolEnv" .Values.operator.database }}
{{ include "neurocards.natsEnv" . }}
{{ include "neurocards.telemetryEnv" . }}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- {name: NEUROCARDS_KIE_CREATES_PER_WINDOW, value: {{ .Values.worker.kie.createsPerWindow | quote }}}
- {name: NEUROCARDS_WATCH_NAMESPACE, value: {{ ternary "" .Release.Namespace .Values.operator.clusterWide | quote }}}
{{- end -}}
