"""The live page `anfang web`: an estate's plan, its alerts and what people say of them, for guards and the committee.

The way of a message: `reader.py` takes it from Kafka, `board.py` keeps what it tells, `facts.py` says what is shown of
it, `render.py` makes it HTML, and `live.py` gives the same bytes to every viewer.
"""
