"""The sandbox daemon: the only place where an uploaded model is ever unpickled.

It knows neither Django nor the database. Everybody else reaches it through `common.jail`.
"""
