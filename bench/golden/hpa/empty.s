// Empty on purpose: with it, reconcileKey may be declared without a body.
