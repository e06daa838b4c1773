"""Runs of pytest under random faults and kills, judged by the injector's own record; see benchmarks/chaos.py."""
