"""Makes a real mp4 out of a photo and the captions of a prompt.

It stands in for a video model and is no attempt at one: a camera that moves slowly over the
photo, the captions, and a mark that says DEMO.
"""
