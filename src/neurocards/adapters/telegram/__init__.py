"""Telegram's Bot API as the worker needs it: files, edits and sends over httpx, no framework."""
