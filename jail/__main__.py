"""`python -m jail --socket PATH`: run the jail in the foreground until SIGTERM.

The program starts itself a second time with a clean environment, so that no secret that stood in
the operator's is ever in the memory of a process that forks jails.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
from typing import NoReturn

from jail import confine
from jail.daemon import Daemon, NotStarted
from jail.door import InUse
from jail.spawn import ENVIRONMENT, ROOT
from jail.work import Options

UNSANDBOXED = "SLIPWAY_ALLOW_UNSANDBOXED_PICKLE"
BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from jail.__main__ import main; main(clean=True)"
)


def arguments() -> argparse.Namespace:
    """The command line; the one environment variable read here becomes a flag."""
    parser = argparse.ArgumentParser(prog="python -m jail", description="Slipway's jail.")
    parser.add_argument("--socket", required=True, metavar="PATH", help="where to listen")
    parser.add_argument(
        "--allow-unsandboxed-pickle",
        action="store_true",
        default=os.environ.get(UNSANDBOXED) == "1",
        help=f"load pickles even where the self-test fails (also {UNSANDBOXED}=1)",
    )
    parser.add_argument(
        "--time-factor",
        type=float,
        default=1.0,
        metavar="N",
        help="stretch every time limit, for slow machines (default 1.0)",
    )
    return parser.parse_args()


def start_over(options: argparse.Namespace) -> NoReturn:
    """Become the same program with the zygotes' own environment."""
    flags = ["--socket", os.path.abspath(options.socket)]  # noqa: PTH100 - keeps symlinks
    flags += ["--time-factor", str(options.time_factor)]
    flags += ["--allow-unsandboxed-pickle"] if options.allow_unsandboxed_pickle else []
    interpreter = [sys.executable, "-I", "-X", "utf8", "-c", BOOT, str(ROOT)]
    os.execve(sys.executable, interpreter + flags, ENVIRONMENT)  # noqa: S606


def main(*, clean: bool = False) -> None:
    """Run until told to stop; `clean` once the environment is. Exits 1 if it cannot."""
    options = arguments()
    confine.die_with_parent(ctypes.CDLL(None, use_errno=True), os.getppid(), signal.SIGTERM)
    if not clean:
        start_over(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s jail: %(message)s")
    chosen = Options(options.socket, options.allow_unsandboxed_pickle, options.time_factor)
    try:
        Daemon(chosen).run()
    except (InUse, NotStarted) as error:
        sys.exit(f"jail: {error}")


if __name__ == "__main__":
    main()
