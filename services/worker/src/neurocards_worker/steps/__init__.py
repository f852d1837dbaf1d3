"""The way of a job, one module a step: gather what is known, decide, apply."""
