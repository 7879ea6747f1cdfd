"""`python -m local.replay PATH`: the same as `baton replay PATH`."""

import argparse
import sys

from local.replay.command import add_arguments, run

parser = argparse.ArgumentParser(prog="baton replay", description=__doc__)
add_arguments(parser)
try:
    code = run(parser.parse_args())
except KeyboardInterrupt:
    print("\nstopped", file=sys.stderr)
    code = 130
sys.exit(code)
