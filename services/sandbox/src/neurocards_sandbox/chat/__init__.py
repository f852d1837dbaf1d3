"""A Telegram-like chat page in the browser, on top of the Telegram simulator.

The page is plain HTML, CSS and JavaScript in `page/`; `app` serves it together with the few routes
of the simulator's control API that a visitor needs.
"""
