"""How fast deid is, beside what the same machine does at best and what people use today.

``python -m benchmarks --help`` tells the rest. Every module ``bench_*`` answers one question.
"""
