"""The outside world: one folder per thing, each translating its errors at the border."""
