"""Runs a program of this directory: `python -IS run.py hook event`.

The file that Python is given it compiles at every call, which took a quarter of a hook's time; what that file imports
is compiled once.
"""

import sys

if __name__ == "__main__":
    # Isolated Python has not even the directory of the program on its path.
    sys.path.insert(0, __file__.rpartition("/")[0])
    program = __import__(sys.argv[1])
    del sys.path[0]
    program.run(sys.argv[2:])
