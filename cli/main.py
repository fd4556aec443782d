"""The command `netwright`: its verbs, and the one handler that turns every failure into a message and an exit code.

Exit codes: 0 done, 1 the user's input is wrong, 2 usage, 3 the environment cannot do it; 70 a bug in netwright,
130 interrupted, 141 the reader of the output went away.

Each verb imports what it needs when it is called: `validate` must not pay for ONNX or ONNX Runtime.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import rich_click as click
from click.exceptions import Exit

from . import compile as compile_
from . import doctor, evaluate, explain, fetch, generate, import_, list_, new, predict, schema, show, train, validate
from . import report as report_
from .failures import INTERRUPTED, READER_GONE, report


class NetwrightGroup(click.RichGroup):
    """The verbs in the order a person meets them; nothing that one raises leaves as a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except (click.ClickException, Exit, click.Abort):
            raise  # usage errors, --help, and verbs that chose their exit code: click knows them
        except KeyboardInterrupt as error:
            click.echo(str(error) or "interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
            ctx.exit(READER_GONE)
        except Exception as error:
            ctx.exit(report(error))


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        from netwright.compiler import __version__

        click.echo(f"netwright {__version__}")
        ctx.exit()


@click.group(
    cls=NetwrightGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Exit codes: 0 done, 1 your input is wrong, 2 usage, 3 this machine cannot do it.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version and exit."
)
def app() -> None:
    """Compile declarative network specs to ONNX graphs that predict and train on stock ONNX Runtime.

    SPEC is a YAML file or a name from the model library (see `netwright list`).
    """


for verb in (
    *(list_, new, import_, validate, show, compile_, train, evaluate, predict, generate),
    *(report_, explain, schema, fetch, doctor),
):
    app.add_command(verb.command)


def main() -> None:
    """The entry point of the installed command."""
    # NumPy's products are few and small here, and ONNX Runtime brings threads of its own: a pool for NumPy's BLAS would
    # only take time to start, and turn idle.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(100_000)  # imports make many objects and no garbage; a long training still collects
    try:
        app(prog_name="netwright")
    finally:
        if "onnxruntime" not in sys.modules:  # its sessions are ended properly
            gc.freeze()  # Python looks for garbage once more before it ends, and would go through every object
