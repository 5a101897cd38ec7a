"""The ``gnnseg`` command: arguments in, ``pipeline`` or ``run`` called, text out; no logic of its
own.

Standard output is the answer alone; everything said on the way goes to standard error. A user's
mistake is one sentence, exit 2.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EPILOG = """\
examples:
  gnnseg train                                        the main job: MovieLens 100K, LightGCN, 16 segments
  gnnseg data check orders.csv                        what a file of your own holds, and the command to train on it
  gnnseg train orders.csv --user customer --item sku --time date
  gnnseg train -m encoder=mf,lightgcn head=dot,segments seed=0,1,2
  gnnseg show RUN test/ndcg@20
  gnnseg recommend RUN --user 42 -k 10
  gnnseg assign RUN new.csv --out segments.csv        people who were not in training
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["train"]:
            return _train(given[1:])
        options = _parser().parse_args(given)
        with _heard():
            return int(options.call(options) or 0)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if type(error).__name__ == "Interrupted":
            return 130
        from gnnseg.types import InputError

        if isinstance(error, InputError):
            print(f"gnnseg: {error}", file=sys.stderr)
            return 2
        raise


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _heard() -> Iterator[None]:
    """What Python would hear from the logger ``gnnseg`` goes to standard error."""
    log, handler = logging.getLogger("gnnseg"), logging.Handler()
    handler.emit = lambda record: _say(record.getMessage())  # type: ignore[method-assign]
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def _train(given: list[str]) -> int:
    if any(argument in ("-h", "--help") for argument in given):
        print(_train_help())
        return 0
    from gnnseg.runs import command

    return command.run(given, say=_say, show=lambda line: print(line, flush=True))


def _choices() -> str:
    """A line a group: what stands in conf/."""
    from gnnseg.config import conf_folder

    groups = ("data", "encoder", "head", "objective", "split", "experiment", "tracking")
    lines = [
        f"{g}= {' '.join(sorted(path.stem for path in (conf_folder() / g).glob('*.yaml')))}"
        for g in groups
    ]
    return "\n".join(
        textwrap.fill(line, 110, initial_indent="  ", subsequent_indent=" " * 12) for line in lines
    )


def _train_help() -> str:
    return f"""\
usage: gnnseg train [FILE ... --user COLUMN --item COLUMN ...] [key=value ...] [-m] [--fresh] [--config-dir DIR]

Train a model, judge it, and leave a run folder; its path is all that goes to standard output.
The same command again returns the finished run, or goes on with an interrupted one.

  key=value         a setting, such as encoder=mf head.segments=32 data=ml-1m data.root=DIR seed=1
  -m, --multirun    a sweep: commas make runs, as in seed=0,1,2; ends with a table
  --fresh           compute again what stands there finished
  --config-dir DIR  your own conf/ folder beside the package's
  --cfg job         print the configuration and stop

a file of your own (gnnseg data check FILE proposes most of this); it is saved as YAML, and data=./NAME.yaml finds it again:
  FILE ...                       CSV, TSV, Parquet, gzip …; several files, or a quoted pattern, make one table
  --user --item --time --weight --spend COLUMN
  --users FILE, --items FILE     attributes by id; --item-title COLUMN; --social FILE: user, user[, weight]
  --log FILE                     what was shown: user, item, reward[, propensity, slate, position]
  --returns subtract|drop|keep   events of negative weight; --on-error drop counts rows that cannot be read
  --separator --encoding --decimal --dates   where two readings fit
  --min-weight --k-core NUMBER
  --sql 'select …' --connect sqlite:///shop.db   (or postgresql://user@host/db; the password in PGPASSWORD)

choices (gnnseg options GROUP says more; data=./NAME.yaml is one of your own):
{_choices()}"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gnnseg",
        description="User segmentation learned together with graph recommendation.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, call: Any, text: str, run: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if run:
            sub.add_argument("run", metavar="RUN", help="a run folder, or its name under runs.root")
        sub.set_defaults(call=call)
        return sub

    command("train", None, "train a model and judge it (gnnseg train --help)", run=False)
    sub = command("show", _show, "print one figure of a run and nothing else")
    sub.add_argument(
        "metric",
        metavar="METRIC",
        help="such as test/ndcg@20, valid/recall@20, segment/effective_k",
    )
    sub = command(
        "evaluate", _evaluate, "judge a finished run again from its folder, and print what it says"
    )
    sub.add_argument(
        "--offpolicy",
        metavar="LOG",
        help="what it would earn: user, item, propensity, reward[, slate, position]",
    )
    sub.add_argument("--cap", type=float, metavar="W", help="with importance weights up to W too")
    sub.add_argument(
        "--seen",
        choices=["mask", "allow"],
        help="with --offpolicy: leave out what users have taken, or not",
    )
    sub.add_argument(
        "--switch",
        type=float,
        metavar="TAU",
        help="of Switch-DR, which trusts the reward model beyond",
    )
    sub.add_argument(
        "--decimal", choices=["point", "comma"], help="of the log, where only one reading fits"
    )
    sub = command(
        "segments",
        _segments,
        "print the segments of a run: size, share, what they like more than others",
    )
    _out(sub, "write each user's segment and alpha to .csv, .parquet or .jsonl")
    sub = command("recommend", _recommend, "recommend to a user, to a segment, or to everybody")
    who = sub.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="ID", help="a user's own id")
    who.add_argument(
        "--segment",
        metavar="N",
        type=int,
        help="a segment's number, from 1: what it wants beyond what everyone wants",
    )
    who.add_argument("--all", action="store_true", help="every user; needs --out")
    _lists(sub)
    _out(sub, ".csv, .parquet or .jsonl instead of a table")
    sub = command(
        "assign",
        _assign,
        "segments, and lists, for people who were not in training, from what is known of them",
    )
    sub.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="their interactions: user, item[, weight, time, spend]",
    )
    for name in ("user", "item", "weight", "time", "spend"):
        sub.add_argument(f"--{name}", metavar="COLUMN")
    _form(sub)
    sub.add_argument(
        "--on-error",
        choices=["fail", "drop"],
        default="fail",
        help="drop: count rows that cannot be read",
    )
    sub.add_argument(
        "--users",
        metavar="FILE",
        help="their attributes by id, of the columns the run was trained on",
    )
    sub.add_argument(
        "--social", metavar="FILE", help="their friends among the run's users: user, user[, weight]"
    )
    _lists(sub)
    sub.add_argument(
        "--lists", metavar="FILE", help="write their recommendations too, K items each"
    )
    _out(sub, "write segments and alpha to .csv, .parquet or .jsonl instead of a table")
    sub = command("explain", _explain, "why a user is shown an item, by segment")
    sub.add_argument("--user", metavar="ID", required=True)
    sub.add_argument("--item", metavar="ID", required=True)
    sub = command(
        "compare",
        _compare,
        "one table of many runs: mean and deviation over seeds, time, memory",
        run=False,
    )
    sub.add_argument("runs", metavar="RUN", nargs="*", help="run folders")
    sub.add_argument("--sweep", metavar="NAME", help="the runs of a sweep")
    sub.add_argument(
        "--root",
        metavar="DIR",
        default=os.environ.get("GNNSEG_RUNS", "./runs"),
        help="where the runs are (./runs)",
    )
    sub.add_argument("--format", choices=["text", "csv", "md", "latex"], default="text")
    sub.add_argument(
        "--metrics", metavar="A,B", default=None, help="test/recall@20,test/ndcg@20,… "
    )
    command("report", _report, "write the page of a run again and print its path")
    sub = command("options", _options, "every setting: default, type, meaning, paper", run=False)
    sub.add_argument("group", metavar="GROUP", nargs="?", help="such as encoder, head, objective")
    sub.add_argument("name", metavar="NAME", nargs="?", help="such as lightgcn")
    sub.add_argument(
        "--config-dir", metavar="DIR", action="append", default=[], help="your own conf/ folder too"
    )
    sub.add_argument(
        "--allow",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="a package whose components it names",
    )
    sub = command(
        "doctor",
        _doctor,
        "what is installed, which kernels run, where data are, what may be written",
        run=False,
    )
    sub.add_argument(
        "--root", default=os.environ.get("GNNSEG_DATA", "./data"), help="data.root (./data)"
    )
    sub.add_argument(
        "--runs", default=os.environ.get("GNNSEG_RUNS", "./runs"), help="runs.root (./runs)"
    )
    sub = commands.add_parser(
        "data", help="list, fetch, check or describe data sets", description="Data sets."
    )
    actions = sub.add_subparsers(title="actions", metavar="ACTION", required=True)
    action = actions.add_parser("list", help="the named sets")
    action.set_defaults(call=_data_list)
    action = actions.add_parser("fetch", help="bring a named set to data.root")
    action.add_argument("set")
    action.add_argument("--root", default=os.environ.get("GNNSEG_DATA", "./data"))
    action.set_defaults(call=_data_fetch)
    action = actions.add_parser(
        "check", help="read files of your own: what is in them, and the command to train on them"
    )
    action.add_argument("files", metavar="FILE", nargs="+")
    for name in ("user", "item", "weight", "time", "spend"):
        action.add_argument(f"--{name}", metavar="COLUMN")
    for name, text in (
        ("users", "attributes of users by id"),
        ("items", "attributes of items by id"),
    ):
        action.add_argument(f"--{name}", metavar="FILE", help=text)
    action.add_argument("--item-title", metavar="COLUMN", help="what people call an item")
    _form(action)
    action.add_argument("--dates", choices=["dmy", "mdy", "ymd"], help="told, if only one fits")
    action.set_defaults(call=_data_check)
    action = actions.add_parser("stats", help="what a set holds once read, cleaned and split")
    action.add_argument(
        "overrides",
        nargs=argparse.REMAINDER,
        metavar="FILE|key=value",
        help="as for gnnseg train: data=ml-1m, data=./orders.yaml, orders.csv --user …",
    )
    action.set_defaults(call=_data_stats)
    return parser


def _form(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--separator", metavar="CHAR", help="told, if only one fits")
    sub.add_argument(
        "--encoding",
        metavar="NAME",
        help="such as latin-1, utf-16, gb18030; told, if only one fits",
    )
    sub.add_argument(
        "--format",
        choices=["table", "lightgcn"],
        help="lines 'user item item …' (lightgcn), or a table",
    )
    sub.add_argument(
        "--decimal", choices=["point", "comma", ".", ","], help="told, if only one fits"
    )
    sub.add_argument(
        "--returns", choices=["keep", "drop", "subtract"], help="what negative weights are"
    )


def _lists(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("-k", type=int, default=20, metavar="K", help="how many items (20)")
    sub.add_argument(
        "--seen",
        choices=["mask", "allow"],
        default="mask",
        help="leave out what the user already has (mask)",
    )
    sub.add_argument(
        "--only", metavar="FILE", help="show only items listed here (first column, or 'item')"
    )
    sub.add_argument("--exclude", metavar="FILE", help="never show items listed here")


def _out(sub: argparse.ArgumentParser, text: str) -> None:
    sub.add_argument("--out", metavar="FILE", help=text)
    sub.add_argument("--excel", action="store_true", help="a CSV that Excel opens as UTF-8")


def _open(options: argparse.Namespace) -> Any:
    from gnnseg.runs.run import Run

    return Run.load(_folder(options.run))


def _folder(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.exists() and os.sep not in name:
        under = Path(os.environ.get("GNNSEG_RUNS", "./runs")) / name
        if under.exists():
            return under.absolute()
    return path.absolute()


def _show(options: argparse.Namespace) -> None:
    print(repr(_open(options).metric(options.metric)))


def _evaluate(options: argparse.Namespace) -> None:
    from gnnseg.report import tables
    from gnnseg.types import InputError

    run = _open(options)
    if options.offpolicy is None:
        if any(
            value is not None
            for value in (options.cap, options.seen, options.switch, options.decimal)
        ):
            raise InputError(
                "evaluate: --cap, --switch, --seen and --decimal go with --offpolicy LOG."
            )
        print(tables.frame(run.evaluate()))
        return
    verdict = run.offpolicy(
        options.offpolicy,
        seen=options.seen,
        cap=options.cap,
        switch=options.switch,
        decimal=options.decimal,
    )
    print(tables.frame(verdict.frame()))
    parts = verdict.by_segment()
    if len(parts) > 1:
        print(f"\nby segment, SNIPS\n{tables.frame(parts)}")
        worst = parts.filter(parts["value"] == parts["value"].min()).row(0, named=True)
        _say(f"worst segment: {worst['segment']}, {worst['value']:.4g} an item shown")
    for name, value in verdict.account.items():
        _say(f"{name}: {value:,.4g}")
    for warning in verdict.warnings:
        _say(f"warning: {warning}")


def _segments(options: argparse.Namespace) -> None:
    from gnnseg.report import tables

    run = _open(options)
    if options.out:
        print(run.write(run.segments(), options.out, excel=options.excel))
    else:
        print(
            "\n".join(
                text for text in (tables.segments(run.path), tables.weights(run.path)) if text
            )
        )


def _recommend(options: argparse.Namespace) -> None:
    from gnnseg.report import tables
    from gnnseg.types import InputError

    run = _open(options)
    if options.all and not options.out:
        raise InputError(
            "recommend --all: name a file to write to with --out FILE (.csv, .parquet or .jsonl)."
        )
    if options.segment is None:
        users = None if options.all else [options.user]
        frames = run.stream(users, options.k, options.seen, **_filters(options))
    elif options.only or options.exclude:
        raise InputError("recommend --segment: --only and --exclude go with --user and --all.")
    else:
        frames = iter([run.recommend_segment(options.segment, options.k)])
    if options.out:
        print(run.write(frames, options.out, excel=options.excel))
    else:
        print(tables.frame(next(frames)))


def _filters(options: argparse.Namespace) -> dict[str, Any]:
    """--only and --exclude as lists of item ids."""
    from gnnseg.runs import recommend

    return {
        name: None if (path := getattr(options, name)) is None else recommend.items_in(Path(path))
        for name in ("only", "exclude")
    }


def _assign(options: argparse.Namespace) -> None:
    from gnnseg.data.tables import doors
    from gnnseg.report import tables
    from gnnseg.runs import new_users
    from gnnseg.types import InputError

    run = _open(options)
    if not (options.file or options.users or options.social):
        raise InputError("assign: give a FILE of interactions, --users FILE or --social FILE.")
    columns = {name: getattr(options, name) for name in ("user", "item", "weight")}
    columns |= {name: getattr(options, name) or "" for name in ("time", "spend")}
    how = {
        name: getattr(options, name)
        for name in ("separator", "encoding", "format", "decimal", "returns", "on_error")
    }
    histories = None
    if options.file:
        with doors.errors_said(doors.option):
            histories = new_users.read_file(Path(options.file), columns, _say, **how)
    beside = {name: getattr(options, name) for name in ("users", "social")}
    told = {
        name: None if path is None else new_users.table_of(Path(path))
        for name, path in beside.items()
    }
    who = new_users.read(histories, run.stored.known, **told)
    lists = run.stream(who, options.k, options.seen, **_filters(options))
    if options.lists:
        print(run.write(lists, options.lists, excel=options.excel))
    if not run.stored.has_segments:
        if not options.lists:
            print(tables.frame(next(lists)))
        return
    segments = run.assign(who)
    if options.out:
        print(run.write(segments, options.out, excel=options.excel))
    else:
        print(tables.frame(segments))


def _options(options: argparse.Namespace) -> None:
    from gnnseg.config import options as settings

    folders = [Path(folder) for folder in options.config_dir]
    print(settings.text(options.group, options.name, folders=folders, allow=options.allow))


def _doctor(options: argparse.Namespace) -> int:
    import platformdirs

    from gnnseg.cli import doctor

    found = doctor.examine(
        Path(options.root), Path(options.runs), Path(platformdirs.user_cache_dir("gnnseg"))
    )
    print(doctor.text(found))
    return int(any(finding.essential and finding.ok is False for finding in found))


def _explain(options: argparse.Namespace) -> None:
    from gnnseg.report import tables

    print(tables.explanation(_open(options).explain(options.user, options.item)))


def _compare(options: argparse.Namespace) -> None:
    from gnnseg.report import compare
    from gnnseg.runs import sweep

    runs = [_folder(name) for name in options.runs]
    if options.sweep:
        runs += sweep.folders(Path(options.root), options.sweep)
    metrics = None if options.metrics is None else options.metrics.split(",")
    print(compare.table(runs, form=options.format, metrics=metrics))


def _report(options: argparse.Namespace) -> None:
    from gnnseg.report import page

    print(page.write(_folder(options.run)))


def _data_list(options: argparse.Namespace) -> None:
    from gnnseg.data.tables import inspect

    print(inspect.list_sets())


def _data_fetch(options: argparse.Namespace) -> None:
    from gnnseg import config
    from gnnseg.runs import train as pipeline

    print(pipeline.fetch(config.compose([]), options.set, Path(options.root), say=_say))


def _data_check(options: argparse.Namespace) -> None:
    from gnnseg.data.tables import doors, inspect

    columns = {name: getattr(options, name) for name in ("user", "item", "weight", "time", "spend")}
    names = ("encoding", "format", "decimal", "dates", "returns", "users", "items", "item_title")
    beside = {name: getattr(options, name) for name in names}
    with doors.errors_said(doors.option):
        print(inspect.check(options.files, columns, options.separator, **beside))


def _data_stats(options: argparse.Namespace) -> None:
    from gnnseg import config
    from gnnseg.data.tables import inspect, saved
    from gnnseg.runs import train as pipeline

    own = saved.resolve(options.overrides, saved.cache_root(options.overrides), say=_say)
    composed = config.compose(own.arguments, own.folders)
    config.check(composed)
    print(inspect.stats(pipeline.read(composed, _say)))


if __name__ == "__main__":
    sys.exit(main())
