"""`spanwise demo`: the collector, the music store, its load and Prometheus as child processes of one command.

`plan` says what is started, `ports` whether it can be, `children` starts and stops it, `progress` reads how it goes,
`_terminal` shows it, and `run` is the order of events.
"""
