"""Runs commands of a loaded program, each in a process forked from this one."""
import gc
import json
import os
import sys


def serve(main, files):
    """Runs commands until stdin ends.

    Each line of stdin is a command's arguments, a JSON array, with which main is
    called. Its output goes to the files stdout and stderr in a folder, and its exit
    code is a line of stdout.
    """
    gc.freeze()  # what is loaded stays, so it is not looked at again
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            for number, path in enumerate([os.devnull, os.path.join(files, "stdout"), os.path.join(files, "stderr")]):
                file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                os.dup2(file, number)
                os.close(file)
            sys.exit(main(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
