"""OpenAI: the script writer over the Responses API."""
