"""The journal: every prediction in a file before its answer leaves, in the database soon after.

`record` is the format, `writer` appends, `reader` finds whole records again whatever happened to
the file, `shipper` sends them to the queue until the database has them.

What it promises: a prediction that was answered is not lost when any process is killed, since the
page cache outlives the process. Nothing is synced to disk: losing the machine loses what was not
shipped yet, a fraction of a second while the workers keep up.
"""
