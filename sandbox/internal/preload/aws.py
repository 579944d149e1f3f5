"""Runs commands of the AWS CLI. The argument is the folder for their output."""
import sys

import awscli.clidriver

import fork


def main(args):
    sys.argv = ["aws", *args]
    return awscli.clidriver.main()


if __name__ == "__main__":
    awscli.clidriver.create_clidriver()  # loads what every command needs
    fork.serve(main, sys.argv[1])
