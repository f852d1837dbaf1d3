"""The operator: scales a pool of workers as a NeurocardsScaling object says, and says why."""
