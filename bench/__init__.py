"""Benchmarks of rgt on this machine: whole processes from exec to exit, beside what a shell script would take."""
