"""Files of rows: planned, answered piece by piece by whoever is free, joined.

A job is rows in the database: one for the job, one for each step. Workers take steps by leases
(`common.leases`), so that a worker may die at any moment and another does its step again from the
start; what a step adds (its part of the result, its predictions in the log, its count) is added by
one transaction, once.

    plan     look through the file: columns, rows, where they lie      plan.py
    score    read some rows, answer them, write their part             reading, scoring.py, parts.py
    join     one file of the parts                                     joining.py

This package imports nothing by itself: a Dask worker imports it before Django is set up.
"""
