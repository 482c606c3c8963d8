"""Runs a program N times; prints CPU s and wall s a run, the largest RSS in kB, and its exit code.

usage: measure.py N program argument…  What the program prints is thrown away. CPU time is that
of the program and of every child it waited for, from wait4, in microseconds and not in ticks.
"""
import os
import sys
import time

times, argv = int(sys.argv[1]), sys.argv[2:]
null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
cpu, rss, status = 0.0, 0, 0
start = time.perf_counter()
for _ in range(times):
    child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=null)
    _, status, usage = os.wait4(child, 0)
    cpu += usage.ru_utime + usage.ru_stime
    rss = max(rss, usage.ru_maxrss)
wall = time.perf_counter() - start
print(cpu / times, wall / times, rss, os.waitstatus_to_exitcode(status))
