"""The command line as people run it: what lands on disk, what is said where, how it ends.

Most tests run ``deid.cli.run`` in this process; those about signals, pipes and start-up run
``python -m deid``. A stand-in for the pipeline is used where a fault has to happen on purpose.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import deid.pipeline
from deid import __version__, cli, console
from deid.errors import DeidError, LeftOver
from deid.model import FileReport
from deid.sample import resident_id, write_samples

ROOT = Path(__file__).resolve().parent.parent
PERSON = resident_id(__import__("random").Random(7))
OTHER = resident_id(__import__("random").Random(8))
LIST = f"姓名,身份证号,联系电话\r\n张建国,{PERSON},13800138000\r\n李秀英,{OTHER},13900139000\r\n"

Deid = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with one list in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "名单.csv").write_bytes(LIST.encode("utf-8-sig"))
    return tmp_path


@pytest.fixture
def deid_(capfd: pytest.CaptureFixture[str]) -> Deid:
    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = cli.run(arguments)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return status, out, err

    return call


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make masking a file raise."""

    def arrange(error: BaseException) -> None:
        def mask_file(source: Path, target: Path, **_: object) -> FileReport:
            raise error

        monkeypatch.setattr(deid.pipeline, "mask_file", mask_file)

    return arrange


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def report(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "deid-report.json").read_text("utf-8"))
    return content


# --- mask -----------------------------------------------------------------------------------------


def test_mask_writes_the_list_and_both_reports(here: Path, deid_: Deid) -> None:
    status, out, err = deid_("mask", "名单.csv", "-o", "out")
    assert status == 0
    assert files(here / "out") == ["deid-report.html", "deid-report.json", "名单.csv"]
    masked = (here / "out" / "名单.csv").read_bytes().decode("utf-8-sig")
    assert PERSON[:6] + "*" * 12 in masked
    assert "138********" in masked
    assert "张建国" in masked
    assert out.startswith("可发布")
    assert "名单.csv" in out
    assert "结论：可发布" in err
    for secret in (PERSON, OTHER, "13800138000"):
        assert secret not in out + err
        assert secret not in (here / "out" / "deid-report.json").read_text("utf-8")
        assert secret not in (here / "out" / "deid-report.html").read_text("utf-8")


def test_mask_keeps_the_tree_of_a_folder(here: Path, deid_: Deid) -> None:
    (here / "in" / "一村" / "二组").mkdir(parents=True)
    (here / "in" / "甲.csv").write_text(LIST, "utf-8")
    (here / "in" / "一村" / "二组" / "乙.csv").write_text(LIST, "utf-8")
    for litter in ("~$甲.csv", ".隐藏.csv", "Thumbs.db", "deid-report.json"):
        (here / "in" / litter).write_text(LIST, "utf-8")
    assert deid_("mask", "in", "-o", "out")[0] == 0
    assert files(here / "out") == [
        "deid-report.html",
        "deid-report.json",
        "一村/二组/乙.csv",
        "甲.csv",
    ]


def test_mask_takes_a_glob_that_the_shell_left(here: Path, deid_: Deid) -> None:
    (here / "in" / "a").mkdir(parents=True)
    (here / "in" / "x[1].csv").write_text(LIST, "utf-8")
    (here / "in" / "a" / "y.csv").write_text(LIST, "utf-8")
    (here / "in" / "a" / "y.md").write_text(LIST, "utf-8")
    assert deid_("mask", "in/**/*.csv", "in/x[1].csv", "-o", "out")[0] == 0
    assert {"a/y.csv", "x[1].csv"} < set(files(here / "out"))
    assert "a/y.md" not in files(here / "out")


def test_mask_may_write_into_a_folder_below_its_input(here: Path, deid_: Deid) -> None:
    for _ in range(2):  # the second time the output of the first is there
        assert deid_("mask", ".", "-o", "out", "--overwrite")[0] == 0
    assert files(here / "out") == ["deid-report.html", "deid-report.json", "名单.csv"]


def test_a_file_named_twice_is_done_once(here: Path, deid_: Deid) -> None:
    status, out, _ = deid_("mask", "名单.csv", "./名单.csv", "-o", "out")
    assert (status, len(out.splitlines())) == (0, 1)


def test_two_files_of_one_name_do_not_overwrite_each_other(here: Path, deid_: Deid) -> None:
    (here / "b").mkdir()
    (here / "b" / "名单.csv").write_text("姓名\n李秀英\n", "utf-8")
    status, out, _ = deid_("mask", "名单.csv", "b/名单.csv", "-o", "out")
    assert status == 1
    assert "同名" in out.splitlines()[1]
    assert "张建国" in (here / "out" / "名单.csv").read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("名单.csv", "-o", "."),
        ("名单.csv", "-o", "名单.csv"),
        ("in", "-o", "in"),
        ("in", "-o", "in/../in/"),
        ("in", "-o", "link"),
        ("in/名单.csv", "名单.csv", "-o", "."),
    ],
)
def test_the_originals_cannot_be_overwritten(here: Path, deid_: Deid, arguments: tuple) -> None:  # type: ignore[type-arg]
    (here / "in").mkdir()
    (here / "in" / "名单.csv").write_text(LIST, "utf-8")
    (here / "link").symlink_to("in")
    before = files(here)
    status, out, err = deid_("mask", *arguments, "--overwrite")
    assert (status, out) == (2, "")
    assert "-o" in err
    assert files(here) == before
    assert (here / "名单.csv").read_bytes() == LIST.encode("utf-8-sig")


def test_an_output_that_exists_is_refused_and_the_rest_goes_on(here: Path, deid_: Deid) -> None:
    (here / "b.csv").write_text(LIST, "utf-8")
    (here / "out").mkdir()
    (here / "out" / "名单.csv").write_text("旧", "utf-8")
    status, out, _ = deid_("mask", "名单.csv", "b.csv", "-o", "out")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == ["不可发布", "可发布"]
    assert (here / "out" / "名单.csv").read_text("utf-8") == "旧"
    assert deid_("mask", "名单.csv", "-o", "out", "--overwrite")[0] == 0
    assert (here / "out" / "名单.csv").read_text("utf-8") != "旧"


def test_an_earlier_report_is_kept(here: Path, deid_: Deid) -> None:
    deid_("mask", "名单.csv", "-o", "out")
    first = (here / "out" / "deid-report.html").read_bytes()
    deid_("mask", "名单.csv", "-o", "out")
    assert (here / "out" / "deid-report-1.html").read_bytes() == first
    assert report(here / "out")["conclusion"] == "refused"
    deid_("mask", "名单.csv", "-o", "out")
    assert (here / "out" / "deid-report-2.json").exists()


def test_a_missing_input_does_not_stop_the_others(here: Path, deid_: Deid) -> None:
    status, out, _ = deid_("mask", "没有.csv", "名单.csv", "", "无*.csv", "-o", "out")
    assert status == 2
    assert [line.split()[0] for line in out.splitlines()] == [
        "读不了",
        "可发布",
        "读不了",
        "读不了",
    ]
    assert (here / "out" / "名单.csv").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(here: Path, deid_: Deid) -> None:
    os.mkfifo(here / "pipe.csv")
    status, out, _ = deid_("mask", "pipe.csv", "-o", "out")
    assert (status, "不是普通文件" in out) == (2, True)


def test_an_identifier_in_a_file_name_is_masked_and_told(here: Path, deid_: Deid) -> None:
    (here / f"张建国{PERSON}.csv").write_text(LIST, "utf-8")
    status, out, err = deid_("mask", f"张建国{PERSON}.csv", "-o", "out")
    assert status in (0, 3)
    assert PERSON not in out + err + "".join(files(here / "out"))
    assert PERSON not in (here / "out" / "deid-report.json").read_text("utf-8")
    assert "名称含有身份信息" in out


def test_dry_run_writes_nothing(here: Path, deid_: Deid) -> None:
    status, out, err = deid_("mask", "名单.csv", "-o", "out", "--dry-run")
    assert (status, out.split()[0]) == (0, "可发布")
    assert "演练" in err
    assert files(here) == ["名单.csv"]


def test_report_kinds(here: Path, deid_: Deid) -> None:
    assert deid_("mask", "名单.csv", "-o", "out", "--report", "json")[0] == 0
    assert files(here / "out") == ["deid-report.json", "名单.csv"]
    status, _, err = deid_("mask", "名单.csv", "-o", "two", "--report", "json,pdf")
    assert (status, "--report" in err, (here / "two").exists()) == (2, True, False)


def test_quiet(here: Path, deid_: Deid) -> None:
    assert deid_("mask", "名单.csv", "-o", "out", "--quiet") == (0, "", "")
    status, out, err = deid_("mask", "没有.csv", "名单.csv", "-o", "two", "-q")
    assert (status, out.split()[0], err) == (2, "读不了", "")


def test_jobs_changes_nothing(here: Path, deid_: Deid) -> None:
    (here / "in").mkdir()
    for number in range(4):
        (here / "in" / f"{number}.csv").write_text(LIST * (number + 1), "utf-8")
    (here / "in" / "坏.xlsx").write_bytes(b"PK\x03\x04 broken")
    one = deid_("mask", "in", "-o", "one", "--quiet")
    two = deid_("mask", "in", "-o", "two", "--jobs", "2", "--quiet")
    assert one == two
    assert files(here / "one") == files(here / "two")
    for name in files(here / "one"):
        if not name.startswith("deid-report"):
            assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()
    first, second = report(here / "one")["files"], report(here / "two")["files"]
    for each in (*first, *second):  # type: ignore[misc]
        del each["seconds"]
    assert first == second


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "磁盘已满"),
        (OSError(errno.EROFS, "Read-only file system"), 1, "只读"),
        (OSError(errno.EPIPE + 1000, "strange"), 1, "文件系统出错"),
        (PermissionError(errno.EACCES, "denied", "out/名单.csv"), 1, "没有权限写"),
        (PermissionError(errno.EACCES, "denied", "名单.csv"), 2, "没有权限读"),
        (MemoryError(), 1, "内存不足"),
        (DeidError("说得出的原因"), 1, "说得出的原因"),
        (ValueError(f"could not convert {PERSON}"), 1, "程序内部错误（ValueError，test_cli.py"),
    ],
    ids=["full", "read-only", "strange", "denied-write", "denied-read", "memory", "deid", "bug"],
)
def test_a_fault_is_one_sentence(
    here: Path,
    deid_: Deid,
    faulty: Callable[[BaseException], None],
    error: BaseException,
    status: int,
    words: str,
) -> None:
    faulty(error)
    ended, out, err = deid_("mask", "名单.csv", "-o", "out")
    assert ended == status
    assert words in out
    assert PERSON not in out + err
    assert "Traceback" not in out + err


def test_an_output_folder_that_cannot_be_made(here: Path, deid_: Deid) -> None:
    (here / "file").touch()
    status, _, err = deid_("mask", "名单.csv", "-o", "file/out")
    assert status in (1, 2)
    assert "Traceback" not in err


def test_interrupted(here: Path, deid_: Deid, faulty: Callable[[BaseException], None]) -> None:
    faulty(KeyboardInterrupt())
    status, out, err = deid_("mask", "名单.csv", "-o", "out")
    assert (status, out, "已中断" in err) == (130, "", True)
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "用法"),
        (("遮",), "没有这个命令"),
        (("mask",), "INPUT"),
        (("mask", "名单.csv"), "-o"),
        (("mask", "名单.csv", "-o"), "-o"),
        (("mask", "名单.csv", "--ploicy", "x"), "是不是 --policy"),
        (("mask", "名单.csv", "-o", "out", "--jobs", "0"), "--jobs"),
        (("mask", "名单.csv", "-o", "out", "--jobs", "两"), "--jobs"),
        (("mask", "名单.csv", "-o", "out", "--policy", "没有"), "general"),
        (("mask", "-", "名单.csv", "-o", "out"), "-"),
        (("scan", "名单.csv", "--format", "xml"), "jsonl"),
        (("entities", "没有"), "deid entities"),
        (("policies", "没有"), "general"),
    ],
)
def test_a_wrong_command_is_told_in_chinese(
    here: Path,
    deid_: Deid,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    status, out, err = deid_(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert "Error" not in err
    assert not (here / "out").exists()


def test_an_empty_folder(here: Path, deid_: Deid) -> None:
    (here / "in").mkdir()
    status, _, err = deid_("mask", "in", "-o", "out")
    assert (status, "没有可处理的文件" in err) == (2, True)


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [((), 0), ((0, 0), 0), ((0, 3), 3), ((3, 1, 0), 1), ((1, 2, 3), 2)],
)
def test_exit_status(statuses: tuple[int, ...], worst: int) -> None:
    assert console.worst(statuses) == worst


# --- stdin ----------------------------------------------------------------------------------------

TEXT = f"张建国，身份证号{PERSON}，电话13800138000。\r\n第二行\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_stdin_to_stdout_in_the_same_encoding(
    capfdbinary: pytest.CaptureFixture[bytes], stdin: Callable[[bytes], None], encoding: str
) -> None:
    stdin(TEXT.encode(encoding))
    assert cli.run(["mask", "-"]) == 0
    sys.stdout.flush()
    out = capfdbinary.readouterr().out.decode(encoding)
    assert out == TEXT.replace(PERSON[6:], "*" * 12).replace("00138000", "*" * 8)


def test_scan_stdin(deid_: Deid, stdin: Callable[[bytes], None]) -> None:
    stdin(TEXT.encode())
    status, out, _ = deid_("scan", "-", "--format", "jsonl")
    found = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert {"CN_RESIDENT_ID", "CN_MOBILE"} <= {each["entity"] for each in found}
    assert PERSON not in out


def test_stdin_that_is_no_text(deid_: Deid, stdin: Callable[[bytes], None]) -> None:
    stdin(b"\xff\xfe\xff")
    status, out, err = deid_("mask", "-")
    assert (status, out, "读不了" in err) == (2, "", True)


def test_left_over_on_stdin_prints_nothing(
    deid_: Deid, stdin: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mask_stream(text: str, **_: object) -> str:
        raise LeftOver("复核没有通过", FileReport("-", "", "refused"))

    monkeypatch.setattr(deid.pipeline, "mask_stream", mask_stream)
    stdin(TEXT.encode())
    assert deid_("mask", "-") == (1, "", "复核没有通过\n")


# --- scan -----------------------------------------------------------------------------------------


def test_scan_formats(here: Path, deid_: Deid) -> None:
    status, out, _ = deid_("scan", "名单.csv", "--format", "json")
    content = json.loads(out)
    assert (status, content["schema"], len(content["files"])) == (1, "deid-scan/1", 1)
    findings = content["files"][0]["findings"]
    assert {"start", "end", "entity", "score", "why", "place"} == set(findings[0])
    assert "R1C1" in {finding["place"] for finding in findings}
    lines = deid_("scan", "名单.csv", "--format", "jsonl")[1].splitlines()
    assert len(lines) == len(findings)
    shown = deid_("scan", "名单.csv")[1]
    assert "R1C1" in shown
    for text in (out, *lines, shown):
        assert PERSON not in text


def test_scan_of_what_was_masked_finds_nothing(here: Path, deid_: Deid) -> None:
    deid_("mask", "名单.csv", "-o", "out")
    assert deid_("scan", "out/名单.csv")[0] == 0


def test_scan_of_a_file_that_cannot_be_read(here: Path, deid_: Deid) -> None:
    (here / "坏.xlsx").write_bytes(b"PK\x03\x04 broken")
    status, _, err = deid_("scan", "坏.xlsx", "名单.csv")
    assert (status, "坏.xlsx" in err) == (2, True)


# --- policies, entities, sample -------------------------------------------------------------------


def test_lists(deid_: Deid) -> None:
    assert "general" in deid_("policies")[1]
    assert "留前 6 位" in deid_("policies", "general")[1]
    assert "CN_MOBILE" in deid_("entities")[1]
    assert "提示词" in deid_("entities", "CN_MOBILE")[1]


def test_a_policy_of_ones_own(here: Path, deid_: Deid) -> None:
    text = "policy: mine\nextends: general\noperators:\n  CN_MOBILE: mask\n"
    (here / "mine.yaml").write_text(text, "utf-8")
    assert deid_("mask", "名单.csv", "-o", "out", "--policy", "mine.yaml")[0] == 0
    assert "138****" not in (here / "out" / "名单.csv").read_text("utf-8")


def test_sample_lists_come_out_fit(here: Path, deid_: Deid) -> None:
    status, out, _ = deid_("sample", "demo")
    assert (status, len(out.splitlines())) == (0, len(files(here / "demo")))
    assert deid_("mask", "demo", "-o", "out")[0] == 0
    assert deid_("scan", "demo", "-q")[0] == 1
    status, _, err = deid_("sample", "demo")
    assert (status, "--overwrite" in err) == (2, True)
    assert deid_("sample", "demo", "--overwrite")[0] == 0


def test_samples_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = (write_samples(tmp_path / name) for name in "ab")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


# --- the process ----------------------------------------------------------------------------------


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "deid", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        start_new_session=True,
    )


def test_version(tmp_path: Path) -> None:
    with start("--version", cwd=tmp_path) as process:
        out, err = process.communicate()
    assert (process.returncode, out.decode().strip(), err) == (0, f"deid {__version__}", b"")


HEAVY = ("rich", "jinja2", "numpy", "pandas", "presidio_analyzer", "jieba", "fastapi", "openpyxl")


@pytest.mark.parametrize("command", ["--version", "mask 名单.csv -o out", "scan 名单.csv"])
def test_a_short_run_loads_nothing_heavy(tmp_path: Path, command: str) -> None:
    lines = [f"王建国,{PERSON},13800138000" for _ in range(200)]
    (tmp_path / "名单.csv").write_text("\n".join(["姓名,身份证号,联系电话", *lines]), "utf-8")
    script = (
        "import sys; from deid.cli import run\n"
        f"status = run({command.split()!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert run.stderr.decode().splitlines()[-1] == "[]"


def test_a_console_that_is_not_unicode(tmp_path: Path) -> None:
    (tmp_path / "名单🐟.csv").write_text(LIST, "utf-8")
    with start("mask", ".", "-o", "out", cwd=tmp_path, PYTHONIOENCODING="gbk") as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert "可发布" in out.decode("gbk")
    assert b"Traceback" not in err


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    (tmp_path / "名单.csv").write_text(LIST * 3000, "utf-8")
    with start("scan", "名单.csv", "--format", "jsonl", cwd=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a run that says on stdout when it has a temporary file open, and then waits."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        (tmp_path / "in" / f"{number}.csv").write_text(LIST, "utf-8")
    (tmp_path / "sitecustomize.py").write_text(STUCK, "utf-8")
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        process = start("mask", "in", "-o", "out", *arguments, cwd=tmp_path, PYTHONPATH=path)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


# Stops inside the writing of a file: os.fsync comes when the temporary file is complete.
STUCK = """
import os, signal, sys
def fsync(number):
    os.write(2, b"ready\\n")
    while True:
        signal.pause()
os.fsync = fsync
"""


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="POSIX signals")
@pytest.mark.parametrize(
    ("jobs", "send", "number"),
    [
        ("1", os.kill, signal.SIGINT),
        ("1", os.kill, signal.SIGTERM),
        ("1", os.kill, signal.SIGHUP),
        ("2", os.kill, signal.SIGTERM),  # kill: the workers have to be told
        ("2", os.killpg, signal.SIGINT),  # Ctrl-C: the terminal tells all at once
        ("2", os.killpg, signal.SIGHUP),
    ],
)
def test_a_signal_leaves_no_partial_file(
    tmp_path: Path,
    endless: Callable[..., subprocess.Popen[bytes]],
    jobs: str,
    send: Callable[[int, int], None],
    number: signal.Signals,
) -> None:
    process = endless("--jobs", jobs)
    assert process.stderr
    for _ in range(int(jobs)):
        assert process.stderr.readline() == b"ready\n"
    send(process.pid, number)
    err = process.stderr.read().decode()
    assert process.wait() == 130
    assert "已中断" in err
    if (send, number) != (os.killpg, signal.SIGHUP):  # Python's own helper process dies aloud
        assert "Traceback" not in err
    assert not files(tmp_path / "out")
