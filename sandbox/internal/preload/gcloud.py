"""Runs commands of gcloud, whose launcher starts this script in place of its own. The
arguments are gcloud's script and the folder for the commands' output."""
import os
import sys

import fork

SCRIPT, FILES = sys.argv[-2:]


def main(args):
    named_configs.ActivePropertiesFile.Invalidate()  # the configuration was read when gcloud was loaded
    sys.argv = [SCRIPT, *args]
    gcloud_main.main()


if __name__ == "__main__":
    del os.environ["CLOUDSDK_PYTHON_ARGS"]  # it has this script
    sys.path[0:1] = [os.path.join(os.path.dirname(SCRIPT), "third_party"), os.path.dirname(SCRIPT)]
    from googlecloudsdk import gcloud_main
    from googlecloudsdk.core.configurations import named_configs
    from googlecloudsdk.core.credentials import transports  # what every command loads as well
    from googlecloudsdk.core.universe_descriptor import universe_descriptor
    from googlecloudsdk.core.updater import update_manager
    fork.serve(main, FILES)
