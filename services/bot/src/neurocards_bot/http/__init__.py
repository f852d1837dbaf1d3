"""The HTTP side of the bot: webhooks, callbacks of the video provider, `/queue_stats`, `/health`.

It serves whether or not Telegram knows our address yet.
"""
