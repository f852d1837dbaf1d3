module neurocards/cluster/pause

go 1.24.0
