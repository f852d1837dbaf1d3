{{/* What the schema of the values cannot see: values that do not fit together. Every fault is told
at once, and each names its key. */}}

{{- define "neurocards.connections" -}}
{{- /* Connections to PostgreSQL if every pod uses up its pools, with the pods that a rolling update
adds. A bot has pools beside the main one for steps of dialogues and for turns, a worker one for leases;
what a pod opens once, to compare the schema, is among the reserved ones. tests/chart/test_connections.py
compares this with the pools of the code. */ -}}
{{- $v := .Values -}}
{{- $perBot := add $v.bot.database.poolSize $v.bot.database.maxOverflow $v.bot.dialoguesAtOnce 1 -}}
{{- $bots := 0 -}}
{{- if $v.bot.enabled -}}
{{- $bots = ternary 1 (add $v.bot.replicas 1) (eq (include "neurocards.botMode" .) "polling") -}}
{{- if $v.bot.blueGreen.enabled -}}
{{- $bots = add $v.bot.blueGreen.blue.replicas $v.bot.blueGreen.green.replicas 2 -}}
{{- end -}}
{{- end -}}
{{- $workers := 0 -}}
{{- if $v.worker.enabled -}}
{{- $workers = $v.worker.replicas -}}
{{- if $v.scaling.enabled -}}
{{- $workers = dig "replicas" "max" 100 $v.scaling.spec -}}
{{- range $v.scaling.spec.schedules -}}{{- $workers = max $workers (default 0 .max) -}}{{- end -}}
{{- end -}}
{{- $workers = add $workers 1 (ternary (add $v.worker.canary.replicas 1) 0 $v.worker.canary.enabled) -}}
{{- end -}}
{{- $perWorker := add $v.worker.database.poolSize $v.worker.database.maxOverflow 1 -}}
{{- /* Kubernetes adds a quarter of them, rounded up, where the Deployment says nothing else. */ -}}
{{- $operators := ternary (add $v.operator.replicas (div (add $v.operator.replicas 3) 4)) 0 $v.operator.enabled -}}
{{- $perOperator := add $v.operator.database.poolSize $v.operator.database.maxOverflow -}}
{{- $page := ternary 2 0 $v.demo.enabled -}}
{{- add (mul $bots $perBot) (mul $workers $perWorker) (mul $operators $perOperator) $page $v.database.reservedConnections -}}
{{- end -}}

{{- define "neurocards.checks" -}}
{{- $v := .Values -}}
{{- $faults := list -}}
{{- $databaseMode := include "neurocards.databaseMode" . -}}
{{- $natsMode := include "neurocards.natsMode" . -}}
{{- $botMode := include "neurocards.botMode" . -}}
{{- $url := include "neurocards.publicBaseUrl" . -}}

{{- if and (eq $databaseMode "external") (not $v.database.external.host) -}}
{{- $faults = append $faults "database.external.host: name the PostgreSQL server (or set database.mode, or demo.enabled=true to try it out)" -}}
{{- end -}}
{{- if eq $databaseMode "external" -}}
{{- range $name, $user := $v.database.users -}}
{{- $used := or (and (eq $name "bot") $v.bot.enabled) (and (eq $name "worker") $v.worker.enabled) (and (eq $name "operator") $v.operator.enabled) (and (eq $name "migrate") $v.migrations.enabled) (eq $name "ops") -}}
{{- if and $used (not $user.password) (not $user.existingSecret) -}}
{{- $faults = append $faults (printf "database.users.%s.existingSecret: name the Secret with its password (or give database.users.%s.password)" $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if ne $databaseMode "external" -}}
{{- range $name, $user := $v.database.users -}}
{{- if and (ne $name "migrate") (ne $user.name (printf "neurocards_%s" $name)) -}}
{{- $faults = append $faults (printf "database.users.%s.name: the chart makes the roles in mode %s, and the migrations grant to neurocards_%s" $name $databaseMode $name) -}}
{{- end -}}
{{- if and (eq $databaseMode "cnpg") $user.existingSecret (ne $user.passwordKey "password") -}}
{{- $faults = append $faults (printf "database.users.%s.passwordKey: CloudNativePG reads the keys username and password of the Secret" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $user := $v.database.users -}}
{{- if and $user.password $user.existingSecret -}}
{{- $faults = append $faults (printf "database.users.%s.password: existingSecret is given too; leave one of them empty" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $databaseMode "cnpg") (not (.Capabilities.APIVersions.Has "postgresql.cnpg.io/v1")) -}}
{{- $faults = append $faults "database.mode: cnpg needs the CloudNativePG operator in the cluster (helm template: --api-versions postgresql.cnpg.io/v1)" -}}
{{- end -}}
{{- if and $v.database.caSecret (not (hasPrefix "verify-" $v.database.sslMode)) -}}
{{- $faults = append $faults (printf "database.caSecret: only sslMode verify-ca and verify-full look at it, not %s" $v.database.sslMode) -}}
{{- end -}}
{{- $usable := sub (int $v.database.maxConnections) 3 -}}
{{- $wanted := include "neurocards.connections" . | int -}}
{{- if gt $wanted (int $usable) -}}
{{- $faults = append $faults (printf "database.maxConnections: pods times pools may need %d connections, and %d of %d can be had; lower scaling.spec.replicas.max, worker.database.poolSize, bot.replicas or bot.database.poolSize, or raise it on the server and here" $wanted $usable (int $v.database.maxConnections)) -}}
{{- end -}}

{{- if and (eq $natsMode "external") (not $v.nats.url) -}}
{{- $faults = append $faults "nats.url: name the NATS server, e.g. nats://nats.nats:4222 (or set nats.mode)" -}}
{{- end -}}
{{- if and $v.nats.credentialsSecret $v.nats.user -}}
{{- $faults = append $faults "nats.user: credentialsSecret is given too; leave one of them empty" -}}
{{- end -}}
{{- if and $v.nats.user (not $v.nats.password) (not $v.nats.existingSecret) -}}
{{- $faults = append $faults "nats.existingSecret: name the Secret with the password of nats.user (or give nats.password)" -}}
{{- end -}}

{{- if $v.secrets.existingSecret -}}
{{- range $key := list "telegramTokens" "kieApiKeys" "openaiApiKey" "webhookSecret" "callbackSecret" "kieWebhookKey" "logUserKey" "adminToken" -}}
{{- if index $v.secrets $key -}}
{{- $faults = append $faults (printf "secrets.%s: secrets.existingSecret is given too; leave one of them empty" $key) -}}
{{- end -}}
{{- end -}}
{{- else if not $v.demo.enabled -}}
{{- if not $v.secrets.telegramTokens -}}
{{- $faults = append $faults "secrets.telegramTokens: give at least one token of a bot (or secrets.existingSecret)" -}}
{{- end -}}
{{- if and $v.worker.enabled (not $v.secrets.kieApiKeys) -}}
{{- $faults = append $faults "secrets.kieApiKeys: give at least one key of the video provider (or secrets.existingSecret)" -}}
{{- end -}}
{{- if and $v.worker.enabled (not $v.secrets.openaiApiKey) -}}
{{- $faults = append $faults "secrets.openaiApiKey: give the key of the script writer (or secrets.existingSecret)" -}}
{{- end -}}
{{- end -}}
{{- if and $v.demo.enabled (or $v.secrets.kieApiKeys $v.secrets.openaiApiKey) -}}
{{- $faults = append $faults "demo.enabled: the demo talks to simulators; a real key in secrets.kieApiKeys or secrets.openaiApiKey has no business there" -}}
{{- end -}}

{{- if eq $botMode "webhook" -}}
{{- if not $url -}}
{{- $faults = append $faults "publicBaseUrl: bot.mode webhook needs the https address under which Telegram reaches the bot" -}}
{{- end -}}
{{- else if $v.bot.enabled -}}
{{- if gt (int $v.bot.replicas) 1 -}}
{{- $faults = append $faults "bot.replicas: polling is done by one pod; set publicBaseUrl for bot.mode webhook, or bot.replicas to 1" -}}
{{- end -}}
{{- if $v.bot.blueGreen.enabled -}}
{{- $faults = append $faults "bot.blueGreen.enabled: two releases side by side need bot.mode webhook" -}}
{{- end -}}
{{- end -}}
{{- if and $url (not (hasPrefix "https://" $url)) -}}
{{- $faults = append $faults (printf "publicBaseUrl: must start with https://, Telegram refuses anything else, not %s" $url) -}}
{{- else if $url -}}
{{- $parts := urlParse $url -}}
{{- if or $parts.path $parts.query $parts.fragment -}}
{{- $faults = append $faults (printf "publicBaseUrl: give scheme and host only, not %s" $url) -}}
{{- end -}}
{{- $port := regexFind ":[0-9]+$" $parts.host -}}
{{- if and $port (not (has $port (list ":443" ":80" ":88" ":8443"))) -}}
{{- $faults = append $faults (printf "publicBaseUrl: Telegram calls on the ports 443, 80, 88 and 8443 only, not %s" $port) -}}
{{- end -}}
{{- end -}}
{{- range list "ingress" "httpRoute" -}}
{{- if and (index $v . "enabled") (not $v.publicBaseUrl) -}}
{{- $faults = append $faults (printf "publicBaseUrl: %s.enabled needs the address that it is to serve" .) -}}
{{- end -}}
{{- end -}}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
{{- $faults = append $faults "httpRoute.parentRefs: name the Gateway" -}}
{{- end -}}
{{- if $v.bot.blueGreen.enabled -}}
{{- if lt (int (index $v.bot.blueGreen $v.bot.blueGreen.active).replicas) 1 -}}
{{- $faults = append $faults (printf "bot.blueGreen.%s.replicas: the active colour has no pods" $v.bot.blueGreen.active) -}}
{{- end -}}
{{- end -}}

{{- if and $v.networkPolicy.enabled $v.monitoring.podMonitor.enabled (not $v.networkPolicy.metricsFrom) -}}
{{- $faults = append $faults "networkPolicy.metricsFrom: name who scrapes, or monitoring.podMonitor sees nothing and every alert is wrong" -}}
{{- end -}}

{{- $replicas := $v.scaling.spec.replicas -}}
{{- if $v.scaling.enabled -}}
{{- if gt (int $replicas.min) (int $replicas.max) -}}
{{- $faults = append $faults "scaling.spec.replicas.min: is above scaling.spec.replicas.max" -}}
{{- end -}}
{{- if or (lt (int $replicas.base) (int $replicas.min)) (gt (int $replicas.base) (int $replicas.max)) -}}
{{- $faults = append $faults "scaling.spec.replicas.base: must lie between min and max" -}}
{{- end -}}
{{- if not $v.worker.enabled -}}
{{- $faults = append $faults "scaling.enabled: there is no worker to scale (worker.enabled is false)" -}}
{{- end -}}
{{- end -}}
{{- range $component := list "bot" "worker" "operator" -}}
{{- range (index $v $component).extraEnv -}}
{{- if and (eq .name "WORKER_CONCURRENCY") (eq $component "worker") -}}
{{- $faults = append $faults "worker.extraEnv: WORKER_CONCURRENCY comes from worker.concurrency, and so does jobsPerReplica" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- with $faults -}}
{{- fail (printf "\n\nThe values do not fit:\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end -}}
