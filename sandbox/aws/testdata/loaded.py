"""Runs commands of the AWS CLI, each in a process forked from this one.

Most of the time of a short command is spent on loading the AWS CLI, which is done
here once. Each line of stdin is a command: a JSON object with its arguments, its
environment, its working directory, and the files for its output. The answer is a
line with its exit code.
"""
import json
import os
import sys
import traceback

import awscli.clidriver

awscli.clidriver.create_clidriver()  # loads what every command needs
data = os.environ["AWS_DATA_PATH"]  # where the AWS CLI has set its own data's place


def run(command):
    os.environ.clear()
    os.environ.update(command["env"], AWS_DATA_PATH=data)
    os.chdir(command["dir"])
    for number, path in ((0, os.devnull), (1, command["stdout"]), (2, command["stderr"])):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["aws"] + command["args"]
    code = 255
    try:
        code = awscli.clidriver.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)


print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
